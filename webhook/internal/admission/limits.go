package admission

import (
	"bytes"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
)

const (
	// maxValues bounds the JSON values of a request. A pod has some hundred.
	maxValues = 100_000
	// maxAnnotations bounds the keys and values of the pod's annotations that are read, in bytes.
	// It is the API server's limit for all annotations of an object, which it checks later.
	//
	// Source: TotalAnnotationSizeLimitB in k8s.io/apimachinery/pkg/api/validation/objectmeta.go
	maxAnnotations = 256 << 10
)

// values is an upper bound of the JSON values in a text: each begins after one of these characters.
type values struct {
	objects int64 // "{"
	others  int64 // "[" and ","
}

func countValues(text []byte) values {
	count := func(c byte) int64 { return int64(bytes.Count(text, []byte{c})) }
	return values{objects: count('{'), others: count('[') + count(',')}
}

// memory is what decoding takes beyond the text itself, in bytes.
func (v values) memory() int64 {
	return max(0, v.objects*chargeObject+v.others*chargeValue-free)
}

// tooMany reports whether the text that was counted has more than maxValues values.
func (v values) tooMany(text []byte) bool {
	return v.objects+v.others > maxValues && exceedsValues(text, maxValues)
}

// exceedsValues reports whether a text has more than a number of JSON values. In contrast to
// countValues, it does not count characters inside of strings, and an empty list or object counts
// once.
func exceedsValues(text []byte, limit int) bool {
	n, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++ // the escaped character
		case c == '"':
			inString = !inString
		case !inString && (c == ',' || (c == '{' || c == '[') && !closes(text, i+1)):
			if n++; n > limit {
				return true
			}
		}
	}
	return false
}

func closes(text []byte, i int) bool { return i < len(text) && (text[i] == '}' || text[i] == ']') }

// errTooManyValues is the reason for denying a pod with more than maxValues values.
var errTooManyValues = &inject.Denied{
	Reason: fmt.Sprintf("the request has more than %d,%03d JSON values: split the pod into several pods, "+
		"or remove list entries that it does not need", maxValues/1000, maxValues%1000),
}

// checkLimits checks the size of a pod. It holds for pods of every source, before anything is
// computed from them. The error is an *inject.Denied.
func checkLimits(pod *corev1.Pod) error {
	if err := inject.CheckLimits(pod); err != nil {
		return err
	}
	total, longest := 0, ""
	for key, value := range pod.Annotations {
		if !strings.HasPrefix(key, contract.Prefix) && !strings.HasPrefix(key, contract.IdentityPrefix) {
			continue
		}
		size := len(key) + len(value)
		if total += size; longest == "" || size > len(longest)+len(pod.Annotations[longest]) {
			longest = key
		}
	}
	if total > maxAnnotations {
		return &inject.Denied{Reason: fmt.Sprintf("the pod's annotations with the prefixes %s and %s have %d bytes; at most %d are allowed: "+
			"shorten %.100q, or move settings to a ConfigMap (annotation %s%s)",
			contract.IdentityPrefix, contract.Prefix, total, maxAnnotations, longest, contract.Prefix, contract.KeySettingsConfigMap)}
	}
	return nil
}
