package doctor

import "fmt"

// State is the state of a link.
type State string

// States of links.
const (
	OK     State = "ok"
	Broken State = "broken"
	// Unknown is a link that could not be checked.
	Unknown State = "unknown"
	// NotChecked is a link after the broken one.
	NotChecked State = "-"
)

// Link is one link of the chain.
type Link struct {
	Name    string `json:"name"`
	State   State  `json:"state"`
	Message string `json:"message,omitempty"`
	// Fix is a command, or an instruction, that mends a broken link.
	Fix string `json:"fix,omitempty"`
}

// Names of the links, in order.
var names = []string{"label", "webhook", "service account", "token", "Entra ID", "vault", "store"}

// Diagnose returns all links of the chain, up to and including the first broken one with what was
// found.
func Diagnose(f *Facts) []Link {
	links := make([]Link, len(names))
	broken := false
	for i, check := range []func(*Facts) Link{label, webhook, serviceAccount, token, entra, vault, store} {
		if !broken {
			links[i] = check(f)
			broken = links[i].State == Broken
		} else {
			links[i].State = NotChecked
		}
		links[i].Name = names[i]
	}
	return links
}

// FirstBroken returns the broken link, or nil.
func FirstBroken(links []Link) *Link {
	for i := range links {
		if links[i].State == Broken {
			return &links[i]
		}
	}
	return nil
}

func ok(format string, args ...any) Link {
	return Link{State: OK, Message: fmt.Sprintf(format, args...)}
}

func unknown(format string, args ...any) Link {
	return Link{State: Unknown, Message: fmt.Sprintf(format, args...)}
}

func broken(fix, format string, args ...any) Link {
	return Link{State: Broken, Message: fmt.Sprintf(format, args...), Fix: fix}
}
