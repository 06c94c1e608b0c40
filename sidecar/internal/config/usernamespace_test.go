package config

import (
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

func TestIDsOfAUserNamespace(t *testing.T) {
	c := contract.Certificate{VaultName: "shop", Name: "web"}
	for _, test := range []struct {
		name, idMap, id string
		refusal         string // empty: the ID exists
	}{
		{"IDs of the node", "         0          0 4294967295\n", "4294967294", ""},
		{"last ID of the pod", "         0 1879048192      65536\n", "65535", ""},
		{"after the last ID of the pod", "         0 1879048192      65536\n", "65536", "user 65536 needs a new pod without hostUsers: false: its user namespace has only 0 to 65535"},
		{"second range", "0 100 10\n20 200 10\n", "29", ""},
		{"between ranges", "0 100 10\n20 200 10\n", "15", "has only 0 to 9 and 20 to 29"},
		{"group alone", "0 100 10\n", "", ""},
		{"name", "0 100 10\n", "web", ""},
		{"no user namespaces", "", "15", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := parseIDMap(strings.NewReader(test.idMap)).check(contract.Pod, "user", test.id, c)
			switch {
			case test.refusal == "" && err != nil:
				t.Error(err)
			case test.refusal != "" && (err == nil || !strings.Contains(err.Error(), "acls of shop.web") || !strings.Contains(err.Error(), test.refusal)):
				t.Errorf("%v, want %s", err, test.refusal)
			}
		})
	}
}
