package bundle_test

import (
	"math/rand/v2"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
)

// TestChain parses each set of certificates in several orders: the result must not depend on the
// order.
func TestChain(t *testing.T) {
	chain := chainOf(t, 2)
	leaf, caB, caA, root := chain[0], chain[1], chain[2], chain[3]
	stranger := issue(t, "Stranger", nil)

	// Two roots: the old one expires and has cross-signed the new one.
	old := issue(t, "Old Root", nil, expires(20))
	newRoot := issue(t, "New Root", nil, expires(20))
	crossed := certify(t, "New Root", newRoot.key, old, expires(20))
	crossedShort := certify(t, "New Root", newRoot.key, old, expires(1))
	server := issue(t, "server", newRoot, notCA)

	// Two authorities that certified each other several times.
	keyX, keyY := ecKey(t), ecKey(t)
	x, y := &entity{key: keyX}, &entity{key: keyY}
	*x = *certify(t, "X", keyX, nil)
	*y = *certify(t, "Y", keyY, nil)
	var cycle []*entity
	for range 8 {
		cycle = append(cycle, certify(t, "X", keyX, y), certify(t, "Y", keyY, x))
	}
	inCycle := issue(t, "in-cycle", x, notCA)

	// Same name, different key: only the signature differs.
	impostor := issue(t, "CA B", root)
	plain := issue(t, "plain", nil, withoutKeyIDs)
	underPlain := issue(t, "under-plain", plain, notCA, withoutKeyIDs)

	tests := []struct {
		name    string
		leaf    *entity
		others  []*entity
		want    string
		root    string
		dropped int
	}{
		{"complete", leaf, []*entity{caB, caA, root}, "leaf.example < CA B < CA A < Root", "Root", 0},
		{"self-signed alone", stranger, nil, "Stranger", "", 0},
		{"leaf alone", leaf, nil, "leaf.example", "", 0},
		{"root missing", leaf, []*entity{caB, caA}, "leaf.example < CA B < CA A", "", 0},
		{"gap in the middle", leaf, []*entity{caB, root}, "leaf.example < CA B", "", 1},
		{"first intermediate missing", leaf, []*entity{caA, root}, "leaf.example", "", 2},
		{"unrelated certificate", leaf, []*entity{caB, caA, root, stranger}, "leaf.example < CA B < CA A < Root", "Root", 1},
		{"same name, different key", leaf, []*entity{impostor, caB, caA, root}, "leaf.example < CA B < CA A < Root", "Root", 1},
		{"cross-signed, shortest", server, []*entity{crossed, newRoot, old}, "server < New Root", "New Root", 2},
		{"cross-signed, new root missing", server, []*entity{crossed, old}, "server < New Root < Old Root", "Old Root", 0},
		{"cross-signed, expiring", server, []*entity{crossedShort, newRoot, old}, "server < New Root", "New Root", 2},
		{"cross-signed, both, no self-signed", server, []*entity{crossedShort, crossed, old}, "server < New Root < Old Root", "Old Root", 1},
		{"cycle", inCycle, cycle, "in-cycle < X < Y", "", 14},
		{"cycle with a way out", inCycle, append([]*entity{y}, cycle...), "in-cycle < X < Y", "Y", 15},
		{"no key identifiers", underPlain, []*entity{plain}, "under-plain < plain", "plain", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var first *bundle.Bundle
			for range 5 {
				parts := []any{tt.leaf.key, tt.leaf}
				for _, o := range tt.others {
					parts = append(parts, o)
				}
				rand.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
				b := mustParse(t, pemOf(parts...))
				if got := names(b.Chain()); got != tt.want {
					t.Fatalf("got chain %s, want %s", got, tt.want)
				}
				gotRoot := ""
				if b.Root != nil {
					gotRoot = b.Root.Subject.CommonName
				}
				if gotRoot != tt.root || b.Dropped != tt.dropped {
					t.Fatalf("got root %q and %d dropped, want %q and %d", gotRoot, b.Dropped, tt.root, tt.dropped)
				}
				if first == nil {
					first = b
				} else if string(first.PEM()) != string(b.PEM()) {
					t.Fatal("the same certificates in a different order give different bytes")
				}
			}
		})
	}
}
