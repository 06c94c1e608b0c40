package checks

import (
	"fmt"
	"strings"
)

// Severity of a result.
type Severity string

// Severities, from harmless to severe.
const (
	OK      Severity = "ok"
	Info    Severity = "info"
	Skipped Severity = "skipped" // a permission is missing
	Warning Severity = "warning" // works now, but something is missing or about to fail
	Error   Severity = "error"   // pods do not get certificates
)

// order has the severities from harmless to severe.
var order = map[Severity]int{OK: 0, Info: 1, Skipped: 2, Warning: 3, Error: 4}

// AtLeast reports whether a severity is as severe as another one.
func (s Severity) AtLeast(other Severity) bool { return order[s] >= order[other] }

// Result is what one check found.
type Result struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Severity Severity `json:"severity"`
	// Messages are sentences; there is at least one.
	Messages []string `json:"messages"`
	Link     string   `json:"link"`
}

// add adds a message. The most severe one decides.
func (r *Result) add(s Severity, format string, args ...any) {
	if r.Severity == "" || !r.Severity.AtLeast(s) {
		r.Severity = s
	}
	r.Messages = append(r.Messages, fmt.Sprintf(format, args...))
}

// skip reports what could not be read.
func (r *Result) skip(err error) { r.add(Skipped, "not checked: %v", err) }

// documentation is the page with an entry for each check.
const documentation = "https://github.com/azure-cert-sync/azure-cert-sync/blob/main/docs/kubectl.md#"

// A check decides on facts and adds messages to its result.
type check struct {
	id, title string
	// pre is true if the check makes sense before the installation, post if it does after it.
	pre, post bool
	run       func(*Facts, *Result)
}

var all = []check{
	{"CS001", "Kubernetes version", true, true, kubernetesVersion},
	{"CS002", "permission to install", true, false, permissions},
	{"CS003", "issuer of service-account tokens", true, true, issuer},
	{"CS004", "webhook", false, true, installed},
	{"CS005", "replicas", false, true, replicas},
	{"CS006", "CA bundle", false, true, caBundle},
	{"CS007", "serving certificate", false, true, servingCertificate},
	{"CS008", "namespaces that are left out", false, true, selectors},
	{"CS009", "Azure Workload Identity webhook", true, true, original},
	{"CS010", "pods without the sidecar", false, true, uninjected},
	{"CS011", "outdated sidecars", false, true, outdated},
	{"CS012", "Pod Security", true, true, podSecurity},
	{"CS013", "LimitRange", true, true, limitRanges},
	{"CS014", "admission of running pods", true, true, denials},
}

// Run returns the result of every check, in the order of their IDs.
func Run(f *Facts) (results []Result) {
	for _, c := range all {
		if f.Pre && !c.pre || !f.Pre && !c.post {
			continue
		}
		r := Result{ID: c.id, Title: c.title, Link: documentation + strings.ToLower(c.id)}
		c.run(f, &r)
		results = append(results, r)
	}
	return results
}

// Worst returns the highest severity of results.
func Worst(results []Result) Severity {
	worst := OK
	for _, r := range results {
		if r.Severity.AtLeast(worst) {
			worst = r.Severity
		}
	}
	return worst
}
