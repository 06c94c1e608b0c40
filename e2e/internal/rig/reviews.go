package rig

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/hostile"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// MaxBody is the largest request that the webhook accepts, in bytes.
const MaxBody = 7 << 20

// Object is a JSON object.
type Object = map[string]any

// Attacker makes requests for pods of a service account that cost the webhook much.
type Attacker struct{ Namespace, Account string }

// Edited returns the request for a pod that edit has changed.
func (a Attacker) Edited(edit func(pod Object)) []byte { return Post(a.body(edit)) }

func (a Attacker) body(edit func(pod Object)) []byte {
	body, err := Review(a.Namespace, a.Account)
	var r Object
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	if err == nil {
		edit(r["request"].(Object)["object"].(Object))
		body, err = json.Marshal(r)
	}
	if err != nil {
		panic(err) // the embedded review is a part of this program
	}
	return body
}

// Annotations returns a pod's annotations.
func Annotations(pod Object) Object { return pod["metadata"].(Object)["annotations"].(Object) }

// Settings has a text as settings.
func (a Attacker) Settings(text string) []byte {
	return a.Edited(func(pod Object) {
		delete(Annotations(pod), contract.Prefix+contract.KeyCertificates)
		Annotations(pod)[contract.Prefix+contract.KeySettings] = text
	})
}

// Nested returns settings of that many bytes whose depth is a fifth of that.
func Nested(size int) string { return hostile.Settings["deep objects"](size) }

// Duplicates returns settings of that many bytes with one key.
func Duplicates(size int) string { return hostile.Settings["duplicate keys"](size) }

// Unknown has n annotations that do not exist.
func (a Attacker) Unknown(n int) []byte {
	return a.Edited(func(pod Object) {
		for i := range n {
			Annotations(pod)[fmt.Sprintf("%sx%d", contract.Prefix, i)] = ""
		}
	})
}

// List fills a request with empty items of a list in the pod's spec.
func (a Attacker) List(field string) []byte {
	return a.fill(func(pod Object, mark []any) { pod["spec"].(Object)[field] = mark })
}

// Container fills a request with empty items of a list in a container.
func (a Attacker) Container(field string) []byte {
	return a.fill(func(pod Object, mark []any) {
		pod["spec"].(Object)["containers"].([]any)[0].(Object)[field] = mark
	})
}

// fill replaces the mark that put sets by as many empty objects as a request may have.
func (a Attacker) fill(put func(pod Object, mark []any)) []byte {
	const mark, item = "the items", "{}"
	body := string(a.body(func(pod Object) { put(pod, []any{mark}) }))
	items := strings.Repeat(item+",", (MaxBody-len(body))/(len(item)+1))
	return Post([]byte(strings.Replace(body, `"`+mark+`"`, strings.TrimSuffix(items, ","), 1)))
}

// Worst returns the requests that cost most, of each kind.
func (a Attacker) Worst() [][]byte {
	return [][]byte{
		a.Settings(strings.Repeat("[", 20<<10)), a.Settings(Nested(250_000)), a.Unknown(5000),
		a.Settings(Duplicates(250_000)), a.Unknown(50_000), a.List("containers"), a.Container("env"),
		a.List("volumes"), a.Settings(hostile.Settings["many stores"](90_000)),
	}
}
