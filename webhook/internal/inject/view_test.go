package inject_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
)

// TestView checks for each pod in testdata that its view gives the same result as the whole pod.
func TestView(t *testing.T) {
	type found struct{ Patch, Warnings, Err string }
	find := func(r inject.Result, err error) (f found) {
		if err != nil {
			return found{Err: err.Error()}
		}
		patch, err := r.Patch.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		return found{Patch: string(patch), Warnings: strings.Join(r.Warnings, "\n")}
	}
	for _, file := range inputs(t) {
		t.Run(caseName(file), func(t *testing.T) {
			t.Parallel()
			in := readInput(t, file)
			var view inject.View
			if err := json.Unmarshal(in.Pod, &view); err != nil {
				t.Fatal(err)
			}
			want, got := find(in.run(decode(t, in.Pod))), find(in.run(view.Pod()))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("View lacks a field that Pod reads (-whole pod +view):\n%s", diff)
			}
		})
	}
}
