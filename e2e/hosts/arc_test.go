package hosts

import (
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure/metadata"
)

const (
	arcKey = "/var/opt/azcmagent/tokens/test.key"
	// arcInstalled are files as Azure Arc's agent has them: the key file is readable by the group
	// himds. The agent itself is served by the test.
	arcInstalled = `useradd --system --user-group himds
install -d -o himds -g himds -m 0750 /var/opt/azcmagent /var/opt/azcmagent/tokens
printf secret >/tmp/key && install -o himds -g himds -m 0440 /tmp/key ` + arcKey
)

// bootArc starts a server with Azure Arc's agent and without the metadata service of a virtual
// machine.
func (c *cloud) bootArc(t *testing.T, files map[string]string) *machine {
	t.Helper()
	m := c.boot(t, files)
	m.run(arcInstalled)
	serve(t, m.network, metadata.ArcAddress, c.metadata.Arc("/proc/"+m.pid+"/root", arcKey))
	m.run("dpkg -i /packages/certsync_1.0.0.deb")
	return m
}

// On a server with Azure Arc's agent, the packaged service gets tokens from it: as root, with the
// stricter file system of docs/hosts.md, and as a user of the group himds.
func TestArc(t *testing.T) {
	t.Parallel()
	c := newCloud(t, "web")
	m := c.bootArc(t, map[string]string{"/etc/certsync/settings.json": block(t, "localhost:40342")})
	m.run("systemctl enable --now certsync")
	m.awaitOutput("grep -l 'PRIVATE KEY' "+link, link)

	dropIn := func(name, content string) {
		t.Helper()
		m.run("systemctl stop certsync; mkdir -p /etc/systemd/system/certsync.service.d && cat >/etc/systemd/system/certsync.service.d/" + name + " <<'END'\n" + content + "\nEND")
		c.renew(t)
		m.run("systemctl daemon-reload && systemctl start --no-block certsync")
	}
	dropIn("strict.conf", block(t, "ProtectSystem=strict"))
	m.awaitOutput("readlink -f "+link, c.newest(t))

	user := block(t, "SupplementaryGroups=himds")
	m.run("useradd --system app && chown -R app /var/lib/waagent")
	dropIn("user.conf", strings.Replace(user, "SupplementaryGroups=himds", "", 1))
	m.awaitOutput("certsync status", "Azure Arc's agent did not return a token")
	m.awaitOutput("certsync status", "add this user to the group himds, which can read /var/opt/azcmagent/tokens")
	m.run("grep -q 'PRIVATE KEY' " + link)
	dropIn("user.conf", user)
	m.awaitOutput("readlink -f "+link, c.newest(t))
}
