package settings

import "testing"

func TestFirstUser(t *testing.T) {
	for userRange, want := range map[string]int64{"1000680000/10000": 1000680000, "1-5": 1, "0/1": 0} {
		if got := firstUser(userRange); got == nil || *got != want {
			t.Errorf("%q: %v, want %d", userRange, got, want)
		}
	}
	for _, userRange := range []string{"", "1000680000", "-5", "x/5", "9999999999/1", " 1/5"} {
		if got := firstUser(userRange); got != nil {
			t.Errorf("%q: %d, want nil", userRange, *got)
		}
	}
}
