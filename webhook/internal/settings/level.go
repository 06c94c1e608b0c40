package settings

// Level is where an annotation was found. The lower level wins.
type Level int

// The levels, in order of precedence.
const (
	Pod Level = iota
	ServiceAccount
	Namespace
	Chart
)

const levels = 4

// String returns the level as a message names it: "pod", "service account", "namespace", "chart default".
func (l Level) String() string {
	return [levels]string{"pod", "service account", "namespace", "chart default"}[l]
}

// Sources are the annotations of one pod and of what it belongs to. Maps may be nil.
type Sources struct {
	// Pod, ServiceAccount and Namespace are the objects' annotations, with their full keys.
	Pod, ServiceAccount, Namespace map[string]string
	// Chart are the chart's defaults, with keys without contract.Prefix: "polling-interval".
	Chart map[string]string
}
