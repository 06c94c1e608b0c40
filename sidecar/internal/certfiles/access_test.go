package certfiles

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/store"
)

func TestAccess(t *testing.T) {
	const advice = ": create it on this host, or correct or remove the entry; existing access is unchanged"
	for name, test := range map[string]struct {
		acls    []contract.ACL
		want    store.Access
		failure string
	}{
		"mode alone":    {nil, store.Access{Mode: 0o640}, ""},
		"numbers":       {[]contract.ACL{{User: "1000", Group: "2000"}, {User: "1001"}}, store.Access{Mode: 0o640, ReadUsers: []uint32{1000, 1001}, ReadGroups: []uint32{2000}}, ""},
		"names":         {[]contract.ACL{{User: "root"}, {Group: "root"}}, store.Access{Mode: 0o640, ReadUsers: []uint32{0}, ReadGroups: []uint32{0}}, ""},
		"unknown user":  {[]contract.ACL{{User: "no-such-user"}}, store.Access{}, "acls: user: unknown user no-such-user" + advice},
		"unknown group": {[]contract.ACL{{Group: "no-such-group"}}, store.Access{}, "acls: group: unknown group no-such-group" + advice},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := access(contract.Certificate{Mode: 0o640, ACLs: test.acls})
			if test.failure != "" {
				if err == nil || err.Error() != test.failure {
					t.Errorf("error %v, want %s", err, test.failure)
				}
				return
			}
			check(t, err)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("access (-want +got):\n%s", diff)
			}
		})
	}
}

// A user that cannot be found fails the certificate: its files stay as they are, newer ones wait,
// and other certificates are installed.
func TestUnknownUser(t *testing.T) {
	f := newFixture(t)
	first := f.issue(t, "web")
	readable := f.certificate("web", "pem")
	readable.Mode = 0o644
	f.commit(t, f.fetch(t, readable))

	f.issue(t, "web")
	other := f.issue(t, "api")
	private := f.certificate("web", "pem")
	private.ACLs = []contract.ACL{{User: "no-such-user"}}
	result := f.commit(t, f.fetch(t, private), f.fetch(t, f.certificate("api", "pem")))
	if result.Failed["shop.web"] == nil || len(result.Failed) != 1 {
		t.Errorf("failed: %v, want shop.web", result.Failed)
	}
	f.wantSerial(t, "shop.web", first)
	f.wantSerial(t, "shop.api", other)
	info, err := os.Stat(filepath.Join(f.dir, "shop.web"))
	check(t, err)
	if info.Mode() != 0o644 {
		t.Errorf("the mode is %s, want -rw-r--r-- as before", info.Mode())
	}
}
