package hosts

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	store = "/var/lib/waagent/Microsoft.Azure.KeyVault.Store"
	link  = store + "/testkvwestus2s.web"

	// required are settings of the extension with requireInitialSync.
	required = `{"secretsManagementSettings": {
  "pollingIntervalInS": "3600", "requireInitialSync": true,
  "observedCertificates": ["https://` + vault + `/secrets/web"]},
 "authenticationSettings": {"msiEndpoint": "http://169.254.169.254/metadata/identity"}}
`
	// app starts after the certificates; its first command fails if there is none.
	app = `[Unit]
Requires=certsync.service
After=certsync.service
[Service]
ExecStartPre=/bin/sh -c 'grep -q "PRIVATE KEY" ` + link + `'
ExecStart=/bin/sleep infinity
`
)

// The life of the package: installed, without settings, waiting for the vault, in sync, renewed,
// upgraded, removed. A unit that requires the service starts only once its certificate is there.
func TestPackageLife(t *testing.T) {
	t.Parallel()
	c := newCloud(t, "web")
	m := c.boot(t, map[string]string{"/etc/systemd/system/app.service": app})

	m.run("dpkg -i /packages/certsync_1.0.0.deb")
	if out, _ := m.try("systemctl is-enabled certsync.service certsync-once.timer"); out != "disabled\ndisabled\n" {
		t.Errorf("after the installation: %s", out)
	}
	if out, err := m.try("systemctl start certsync"); err == nil {
		t.Errorf("the service starts without settings: %s", out)
	}
	m.awaitOutput("journalctl -u certsync", "no settings: write those of the VM extension to /etc/certsync/settings.json, or name a file with --settings")
	if out := m.run("systemctl show -p NRestarts --value certsync"); out != "0\n" {
		t.Errorf("restarts without settings: %s", out)
	}

	check(t, c.CutOff(t.Context(), vault, true))
	m.run("cat >/etc/certsync/settings.json <<'END'\n" + required + "END")
	m.run("systemctl enable certsync && systemctl start --no-block app")
	m.awaitOutput("systemctl show -p StatusText certsync", "1 certificate missing after attempt")
	m.run("systemctl status certsync | head -5 || true")
	for unit, want := range map[string]string{"certsync": "activating\n", "app": "inactive\n"} {
		if out, _ := m.try("systemctl show -p ActiveState --value " + unit); out != want {
			t.Errorf("without a certificate, %s is %s", unit, out)
		}
	}
	if out := m.run("cat /var/lib/certsync/status/0.status"); !strings.Contains(out, `"status": "transitioning"`) {
		t.Errorf("status: %s", out)
	}
	check(t, c.CutOff(t.Context(), vault, false))
	m.awaitOutput("systemctl show -p ActiveState app", "=active")
	m.run("systemctl is-active certsync app && ls -l " + store)
	m.awaitOutput("cat /var/lib/certsync/status/0.status", `"status": "success"`)
	m.run("certsync probe --wait 9s && cat /var/lib/certsync/status/0.status")

	c.renew(t)
	m.run("systemctl reload certsync")
	m.awaitOutput("readlink -f "+link, c.newest(t))

	// An upgrade restarts the service, and the files stay.
	m.run("dpkg -i /packages/certsync_1.1.0.deb")
	m.awaitOutput("journalctl -u certsync", `"version":"1.1.0"`)
	m.awaitOutput("systemctl show -p ActiveState certsync", "=active")
	m.run("test -s " + link)
	m.run("systemd-analyze security --no-pager certsync | tail -1")
	m.run(`grep -E "VmRSS|RssAnon" /proc/$(systemctl show -p MainPID --value certsync)/status; ls -l /usr/bin/certsync`)

	m.run("dpkg -r certsync")
	if out, _ := m.try("systemctl is-active certsync; ls /usr/bin/certsync"); !strings.Contains(out, "inactive") || !strings.Contains(out, "No such file") {
		t.Errorf("after the removal: %s", out)
	}
	m.run("test -s " + link + " && cat /etc/certsync/settings.json")
}

// Without requireInitialSync, the service is started when polling begins.
func TestStartWithoutInitialSync(t *testing.T) {
	t.Parallel()
	c := newCloud(t, "web")
	check(t, c.CutOff(t.Context(), vault, true))
	m := c.boot(t, map[string]string{"/etc/certsync/settings.json": strings.Replace(required, "true", "false", 1)})
	m.run("dpkg -i /packages/certsync_1.0.0.deb && systemctl enable --now certsync")
	m.awaitOutput("cat /var/lib/certsync/status/0.status", `"status": "success"`)
	if _, err := m.try("ls " + link); err == nil {
		t.Error("there is a certificate, but the vault is unreachable")
	}
	check(t, c.CutOff(t.Context(), vault, false))
	m.awaitOutput("ls "+link, link)
}

// systemd restarts a service that hangs. The loop's heartbeat comes at least as often as it polls.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	c := newCloud(t, "web")
	m := c.boot(t, map[string]string{
		"/etc/certsync/settings.json":                      strings.Replace(required, "3600", "10", 1),
		"/etc/systemd/system/certsync.service.d/fast.conf": "[Service]\nWatchdogSec=14s\nTimeoutAbortSec=1s\nRestartSec=0\n",
	})
	m.run("dpkg -i /packages/certsync_1.0.0.deb && systemctl enable --now certsync")
	m.run("kill -STOP $(systemctl show -p MainPID --value certsync)")
	m.awaitOutput("journalctl -u certsync", "Watchdog timeout")
	m.awaitOutput("systemctl show -p NRestarts --value certsync", "1")
	m.awaitOutput("systemctl show -p ActiveState certsync", "=active")
	m.run("journalctl -u certsync --no-pager | grep -v '{'")
}

// The timer syncs in place of the service, and the log is also in a file of the administrator's
// choice.
func TestTimer(t *testing.T) {
	t.Parallel()
	c := newCloud(t, "web")
	const log = "/var/log/azure/certsync/certsync.log"
	m := c.boot(t, map[string]string{
		"/etc/certsync/settings.json": required,
		"/etc/certsync/environment":   "CERTSYNC_FLAGS=--log-file " + log + "\n",
		// As the extension keeps files for a user of the app.
		"/etc/systemd/system/certsync-once.timer.d/now.conf": "[Timer]\nRandomizedDelaySec=0\n",
	})
	m.run("dpkg -i /packages/certsync_1.0.0.deb && systemctl enable --now certsync-once.timer")
	m.awaitOutput("ls "+link, link)
	m.awaitOutput("cat "+log, "sync finished")
	m.run("systemctl list-timers --no-pager certsync-once.timer")
}

// Under the service's restrictions, files get other owners and ACLs, also below /etc and /home.
func TestAccess(t *testing.T) {
	t.Parallel()
	c := newCloud(t, "web", "api")
	m := c.boot(t, map[string]string{"/etc/certsync/settings.json": `{"secretsManagementSettings": {"requireInitialSync": true, "observedCertificates": [
  {"url": "https://` + vault + `/secrets/web", "certificateStoreLocation": "/etc/app/certs", "acls": [{"user": "app1", "group": "appGroup1"}]},
  {"url": "https://` + vault + `/secrets/api", "certificateStoreLocation": "/home/app1/certs", "acls": [{"user": "app1"}]}]},
 "authenticationSettings": {"msiEndpoint": "http://169.254.169.254/metadata/identity/oauth2/token", "msiClientId": "` + user + `"}}`})
	m.run("useradd --create-home app1 && groupadd appGroup1 && useradd other")
	m.run("dpkg -i /packages/certsync_1.0.0.deb && systemctl enable --now certsync")
	m.run("getfacl --absolute-names --omit-header $(readlink -f /etc/app/certs/testkvwestus2s.web)")
	m.run("for f in /etc/app/certs/testkvwestus2s.web /home/app1/certs/testkvwestus2s.api; do setpriv --reuid=app1 --regid=app1 --clear-groups grep -q PRIVATE $f; done")
	if out, err := m.try("setpriv --reuid=other --regid=other --clear-groups cat /etc/app/certs/testkvwestus2s.web"); err == nil {
		t.Errorf("another user can read the key: %s", out)
	}
}

// The .rpm has the files and scripts of the .deb.
func TestRPM(t *testing.T) {
	t.Parallel()
	newCloud(t)
	rpms, err := filepath.Glob(filepath.Join(temporary, "certsync-1.0.0*.rpm"))
	check(t, err)
	output := func(name string, args ...string) string {
		out, err := exec.Command(name, args...).Output()
		check(t, err)
		return string(out)
	}
	files := strings.Fields(output("rpm", "-qlp", rpms[0]))
	debs, err := filepath.Glob(filepath.Join(temporary, "certsync_1.0.0_*.deb"))
	check(t, err)
	var want []string
	for line := range strings.Lines(output("dpkg-deb", "-c", debs[0])) {
		f := strings.Fields(line)
		if path := strings.TrimPrefix(f[len(f)-1], "."); !strings.HasSuffix(path, "/") {
			want = append(want, path)
		}
	}
	want = append(want, "/etc/certsync")
	slices.Sort(want)
	slices.Sort(files)
	if !slices.Equal(files, want) {
		t.Errorf("the .rpm has %q, the .deb %q", files, want)
	}
	scripts := output("rpm", "-qp", "--scripts", rpms[0])
	for _, part := range []string{"postinstall", "preuninstall", "postuninstall", "try-restart certsync.service"} {
		if !strings.Contains(scripts, part) {
			t.Errorf("the .rpm's scripts lack %q:\n%s", part, scripts)
		}
	}
}

// The life of the .rpm, which rpm keeps in a database of its own: as that of the .deb. The machine
// is the same Debian, so this shows the package and its scripts, and not RHEL.
func TestRPMLife(t *testing.T) {
	t.Parallel()
	c := newCloud(t, "web")
	m := c.boot(t, map[string]string{"/etc/systemd/system/app.service": app})
	m.run("rpm --force-debian --nodeps --install /packages/certsync-1.0.0.rpm")
	if out, _ := m.try("systemctl is-enabled certsync.service certsync-once.timer"); out != "disabled\ndisabled\n" {
		t.Errorf("after the installation: %s", out)
	}
	m.run("cat >/etc/certsync/settings.json <<'END'\n" + required + "END")
	m.run("systemctl enable certsync && systemctl start app && systemctl is-active certsync app && grep -q 'PRIVATE KEY' " + link)
	m.run("rpm --verify --nodeps certsync")

	m.run("rpm --force-debian --nodeps --upgrade /packages/certsync-1.1.0.rpm")
	m.awaitOutput("journalctl -u certsync", `"version":"1.1.0"`)
	m.awaitOutput("systemctl show -p ActiveState certsync", "=active")
	m.run("systemctl is-enabled certsync")

	m.run("rpm --force-debian --nodeps --erase certsync")
	if out, _ := m.try("systemctl is-active certsync; ls /usr/bin/certsync /etc/systemd/system/multi-user.target.wants/certsync.service"); !strings.Contains(out, "inactive") || strings.Count(out, "No such file") != 2 {
		t.Errorf("after the removal: %s", out)
	}
	m.run("test -s " + link + " && cat /etc/certsync/settings.json /var/lib/certsync/status/0.status")
}
