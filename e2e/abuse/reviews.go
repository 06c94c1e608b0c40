package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/hostile"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// maxBody is the largest request that the webhook accepts, in bytes.
const maxBody = 7 << 20

// The namespace and the service account of the pods.
const (
	teamNamespace = "team"
	teamAccount   = "workload"
)

// object is a JSON object.
type object = map[string]any

// editedReview returns the request for a pod that edit has changed.
func editedReview(account string, edit func(pod object)) []byte {
	return rig.Post(editedBody(teamNamespace, account, edit))
}

func editedBody(namespace, account string, edit func(pod object)) []byte {
	body, err := rig.Review(namespace, account)
	var r object
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	if err == nil {
		edit(r["request"].(object)["object"].(object))
		body, err = json.Marshal(r)
	}
	if err != nil {
		panic(err) // the embedded review is a part of this program
	}
	return body
}

func annotationsOf(pod object) object { return pod["metadata"].(object)["annotations"].(object) }

func settingsReview(text string) []byte {
	return editedReview(teamAccount, func(pod object) {
		delete(annotationsOf(pod), contract.Prefix+contract.KeyCertificates)
		annotationsOf(pod)[contract.Prefix+contract.KeySettings] = text
	})
}

// nested returns settings of that many bytes whose depth is a fifth of that.
func nested(size int) string { return hostile.Settings["deep objects"](size) }

func duplicates(size int) string { return hostile.Settings["duplicate keys"](size) }

// unknownReview has n annotations that do not exist.
func unknownReview(n int) []byte {
	return editedReview(teamAccount, func(pod object) {
		for i := range n {
			annotationsOf(pod)[fmt.Sprintf("%sx%d", contract.Prefix, i)] = ""
		}
	})
}

// listReview fills a request with empty items of a list in the pod's spec.
func listReview(field string) []byte {
	return fill(func(pod object, mark []any) { pod["spec"].(object)[field] = mark })
}

// containerReview fills a request with empty items of a list in a container.
func containerReview(field string) []byte {
	return fill(func(pod object, mark []any) {
		pod["spec"].(object)["containers"].([]any)[0].(object)[field] = mark
	})
}

// fill replaces the mark that put sets by as many empty objects as a request may have.
func fill(put func(pod object, mark []any)) []byte {
	const mark, item = "the items", "{}"
	body := string(editedBody(teamNamespace, teamAccount, func(pod object) { put(pod, []any{mark}) }))
	items := strings.Repeat(item+",", (maxBody-len(body))/(len(item)+1))
	return rig.Post([]byte(strings.Replace(body, `"`+mark+`"`, strings.TrimSuffix(items, ","), 1)))
}

// worst are the requests that cost most, of each kind.
func worst() [][]byte {
	return [][]byte{
		settingsReview(strings.Repeat("[", 20<<10)), settingsReview(nested(250_000)), unknownReview(5000),
		settingsReview(duplicates(250_000)), unknownReview(50_000), listReview("containers"), containerReview("env"),
		listReview("volumes"), settingsReview(hostile.Settings["many stores"](90_000)),
	}
}
