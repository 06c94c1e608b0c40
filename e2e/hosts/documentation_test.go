package hosts

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// block returns the code block of docs/hosts.md that contains a text.
func block(t *testing.T, text string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/hosts.md")
	check(t, err)
	for part := range strings.SplitSeq(string(page), "\n```") {
		if _, code, _ := strings.Cut(part, "\n"); strings.Contains(code, text) {
			return code
		}
	}
	t.Fatalf("docs/hosts.md has no code block with %q", text)
	return ""
}

// What docs/hosts.md tells to paste works: the installation, the cloud-init file, and the start
// task of Azure Batch. Only the downloads are replaced.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	c := newCloud(t, "web")
	var init struct {
		WriteFiles []struct{ Path, Content string } `json:"write_files"`
		Run        []string                         `json:"runcmd"`
	}
	check(t, yaml.UnmarshalStrict([]byte(strings.ReplaceAll(block(t, "#cloud-config"), "permissions: \"0644\"", "")), &init))
	settings := init.WriteFiles[0]

	t.Run("installation", func(t *testing.T) {
		m := c.boot(t, map[string]string{})
		out := m.run("cd /packages && cp certsync_1.0.0.deb certsync_1.0.0_amd64.deb && " + block(t, "certsync --host --check\n"))
		if !strings.Contains(out, c.newest(t)[:8]) {
			t.Errorf("certsync status does not show the certificate: %s", out)
		}
		m.run("grep -q 'PRIVATE KEY' " + link)
	})
	t.Run("cloud-init", func(t *testing.T) {
		m := c.boot(t, map[string]string{settings.Path: settings.Content})
		m.run("cp /packages/certsync_1.0.0.deb /tmp/certsync.deb")
		for _, command := range init.Run[1:] {
			m.run(command)
		}
		m.run("grep -q 'PRIVATE KEY' " + link)
	})
	t.Run("Batch", func(t *testing.T) {
		var pool struct {
			Properties struct {
				StartTask struct{ CommandLine string }
			}
		}
		check(t, json.Unmarshal([]byte(block(t, "Microsoft.Batch/batchAccounts/pools")), &pool))
		m := c.boot(t, map[string]string{"/task/settings.json": settings.Content})
		m.run("cp /packages/certsync_1.0.0.deb /task/certsync.deb")
		for range 2 { // the second time after a reboot
			m.run("cd /task && " + pool.Properties.StartTask.CommandLine)
			m.run("grep -q 'PRIVATE KEY' " + link)
		}
	})
}
