package hosts

import (
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// badEntries are entries that cannot be installed, under the packaged unit, and their sentences.
var badEntries = []struct{ entry, sentence string }{
	{`{"url": "https://` + vault + `/secrets/locked"}`,
		`testkvwestus2s.locked: the secret contains certificates but no private key, so the certificate's key is not exportable: set \"exportable\": true`},
	{`{"url": "https://` + vault + `/secrets/plain"}`,
		`testkvwestus2s.plain: the secret is not a certificate: its value is neither PEM nor a base64-encoded PKCS #12 container`},
	{`{"url": "https://` + vault + `/secrets/gone"}`, `https://` + vault + `/secrets/gone does not exist (404 SecretNotFound)`},
	{`{"url": "https://` + vault + `/secrets/web", "certificateStoreLocation": "/usr/share/certs"}`,
		`mkdir /usr/share/certs: read-only file system: make its file system writable for certsync, or use another certificateStoreLocation`},
	{`{"url": "https://` + vault + `/secrets/web", "certificateStoreLocation": "/etc/passwd/certs"}`,
		`mkdir /etc/passwd/certs: not a directory: a directory is needed there: remove or rename the file, or use another certificateStoreLocation`},
	{`{"url": "https://` + vault + `/secrets/web", "certificateStoreLocation": "/full/certs"}`,
		`no space left on device: free space on its file system`},
	{`{"url": "https://` + vault + `/secrets/web", "certificateStoreLocation": "/srv/certs", "acls": [{"user": "nobody-here"}]}`,
		`acls: user: unknown user nobody-here: create it on this host, or correct or remove the entry; existing access is unchanged`},
}

// Each entry that cannot be installed has a sentence in the status and in the log, and the others
// are installed. What has been corrected is installed with the next poll.
func TestBadEntries(t *testing.T) {
	t.Parallel()
	c := newCloud(t, "web")
	_, err := c.CreateCertificate(t.Context(), azure.Certificate{Vault: vault, Name: "locked", NonExportable: true})
	check(t, err)
	_, err = c.CreateSecret(t.Context(), azure.Secret{Vault: vault, Name: "plain", Value: "hello", ContentType: "text/plain"})
	check(t, err)
	entries := []string{`{"url": "https://` + vault + `/secrets/web"}`}
	for _, bad := range badEntries {
		entries = append(entries, bad.entry)
	}
	m := c.boot(t, map[string]string{"/etc/certsync/settings.json": settingsOf(entries...)})
	m.run("mkdir /full && mount -t tmpfs -o size=64k tmpfs /full && ! cat /dev/zero >/full/filler")
	m.run("dpkg -i /packages/certsync_1.0.0.deb && systemctl enable --now certsync")
	m.awaitOutput("cat /var/lib/certsync/status/0.status", "missing after attempt")
	m.run("grep -q 'PRIVATE KEY' " + link)
	for file, text := range map[string]string{
		"the status": m.run("cat /var/lib/certsync/status/0.status"),
		"the log":    m.run("journalctl -u certsync --no-pager --output=cat"),
	} {
		for _, bad := range badEntries {
			if !strings.Contains(text, bad.sentence) {
				t.Errorf("%s does not contain: %s", file, bad.sentence)
			}
		}
	}
	m.run("rm /full/filler && useradd nobody-here && systemctl reload certsync")
	m.awaitOutput("grep -l 'PRIVATE KEY' /full/certs/testkvwestus2s.web", "testkvwestus2s.web")
	m.awaitOutput("grep -l 'PRIVATE KEY' /srv/certs/testkvwestus2s.web", "testkvwestus2s.web")
}

// settingsOf returns settings without requireInitialSync.
func settingsOf(entries ...string) string {
	return `{"secretsManagementSettings": {"observedCertificates": [` + strings.Join(entries, ",\n") + `]}}` + "\n"
}

// windows are the settings of the Batch example for Windows.
const windows = `{"secretsManagementSettings": {"observedCertificates": [
  {"url": "https://` + vault + `/secrets/web", "certificateStoreLocation": "LocalMachine", "keyExportable": true, "accounts": ["NETWORK SERVICE"]}]}}
`

// Settings of Windows are refused. A service that runs keeps its settings and renews; one that
// starts fails once. The files stay.
func TestSettingsOfWindows(t *testing.T) {
	t.Parallel()
	c := newCloud(t, "web")
	m := c.boot(t, map[string]string{"/etc/certsync/settings.json": required, "/windows.json": windows})
	m.run("dpkg -i /packages/certsync_1.0.0.deb && systemctl enable --now certsync && cp /windows.json /etc/certsync/settings.json")
	c.renew(t)
	m.run("systemctl reload certsync")
	m.awaitOutput("readlink -f "+link, c.newest(t))
	const sentence = `"LocalMachine": is a certificate store of Windows: on Linux use a directory, as in /var/lib/waagent/Microsoft.Azure.KeyVault.Store`
	m.awaitOutput("certsync probe || true", sentence)
	if out, err := m.try("systemctl restart certsync"); err == nil {
		t.Errorf("the service starts with settings of Windows: %s", out)
	}
	m.awaitOutput("journalctl -u certsync --output=cat", "certsync: /etc/certsync/settings.json: ")
	m.awaitOutput("journalctl -u certsync --output=cat", sentence)
	m.run("journalctl -u certsync --output=cat | tail -5; test $(systemctl show -p ExecMainStatus --value certsync) = 2 && grep -q 'PRIVATE KEY' " + link)
	if out := m.run("systemctl show -p NRestarts --value certsync"); out != "0\n" {
		t.Errorf("restarts: %s", out)
	}
}

// A renewal that does not fit on the disk leaves the old files in place. The service also runs if
// its status and its log do not fit.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	c := newCloud(t, "web")
	m := c.boot(t, map[string]string{
		"/etc/certsync/settings.json": required,
		"/etc/certsync/environment":   "CERTSYNC_FLAGS=--log-file /var/log/azure/certsync.log\n",
	})
	m.run("mkdir -p /var/lib/waagent /var/log/azure /var/lib/certsync/status")
	m.run("for dir in /var/lib/waagent /var/log/azure /var/lib/certsync/status; do mount -t tmpfs -o size=64k tmpfs $dir; done")
	m.run("dpkg -i /packages/certsync_1.0.0.deb && systemctl enable --now certsync")
	first := m.run("readlink -f " + link)
	m.run("for dir in /var/lib/waagent /var/log/azure /var/lib/certsync/status; do ! cat /dev/zero >$dir/filler; done")
	c.renew(t)
	m.run("systemctl reload certsync")
	m.awaitOutput("certsync status", "no space left on device: free space on its file system")
	m.awaitOutput("journalctl -u certsync --output=cat", "status file cannot be written")
	if now := m.run("grep -q 'PRIVATE KEY' " + link + " && readlink -f " + link); now != first {
		t.Errorf("the link leads to %s, before to %s", now, first)
	}
	m.run("rm /var/lib/waagent/filler /var/lib/certsync/status/filler /var/log/azure/filler && systemctl reload certsync")
	m.awaitOutput("readlink -f "+link, c.newest(t))
	m.awaitOutput("cat /var/lib/certsync/status/0.status", c.newest(t))
	m.run("cat /var/log/azure/certsync.log")
}

// A second process cannot use a store, and a user without rights cannot. Both say so and wait; the
// files stay.
func TestLockedAndDenied(t *testing.T) {
	t.Parallel()
	c := newCloud(t, "web")
	m := c.boot(t, map[string]string{"/etc/certsync/settings.json": required})
	m.run("dpkg -i /packages/certsync_1.0.0.deb && systemctl enable --now certsync")
	m.run("systemd-run --quiet --unit=second certsync --host --socket /tmp/second.sock")
	m.awaitOutput("journalctl -u second --output=cat", "another certsync uses the store: stop it, or give each another certificateStoreLocation")
	m.run("journalctl -u second --output=cat | head -4; systemctl stop second && systemctl is-active certsync && certsync probe")

	m.run("mkdir /etc/systemd/system/certsync.service.d && printf '[Service]\\nUser=nobody\\n' >/etc/systemd/system/certsync.service.d/user.conf")
	m.run("systemctl daemon-reload && systemctl restart --no-block certsync")
	m.awaitOutput("systemctl show -p StatusText certsync", "permission denied: allow user ID 65534 to write to the store's directory")
	m.run("grep -q 'PRIVATE KEY' " + link)
	m.run("rm /etc/systemd/system/certsync.service.d/user.conf && systemctl daemon-reload && systemctl stop certsync && systemctl start certsync")
	m.run("certsync probe")
}
