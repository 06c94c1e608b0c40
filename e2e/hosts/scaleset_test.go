package hosts

import (
	"fmt"
	"testing"
)

// Three machines of a scale set get their certificate, and its renewal, from the same vault. Each
// has its own network, store and service.
func TestScaleSet(t *testing.T) {
	t.Parallel()
	c := newCloud(t, "web")
	var set []*machine
	for range 3 {
		m := c.boot(t, map[string]string{"/etc/certsync/settings.json": required})
		m.run("dpkg -i /packages/certsync_1.0.0.deb && systemctl enable --now certsync")
		set = append(set, m)
	}
	for round := range 2 {
		if round > 0 {
			c.renew(t)
		}
		for i, m := range set {
			m.run("systemctl reload certsync")
			m.awaitOutput("readlink -f "+link, c.newest(t))
			t.Log(fmt.Sprintf("machine %d: ", i) + m.run("readlink -f "+link))
		}
	}
}
