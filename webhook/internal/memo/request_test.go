package memo

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// review is a request for a pod of a ReplicaSet, as an API server sends it.
func review(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/review.json")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// another is the request for the next pod of the same ReplicaSet.
func another(text string) string {
	return strings.NewReplacer(
		"705ab4f5-6393-11e8-b7cc-42010a800002", "0f0f0f0f-6393-11e8-b7cc-42010a800002",
		"0aa3a1ee-8e33-4b0e-8ec5-000000000001", "1bb3a1ee-8e33-4b0e-8ec5-000000000001",
		"2026-11-22T03:00:00Z", "2026-11-23T14:15:16Z",
		"kube-api-access-x7k2p", "kube-api-access-9qqvz",
	).Replace(text)
}

// keyOf returns the key of a text that may be remembered.
func keyOf(text string) (k Key, ok bool) {
	r, ok := Parse([]byte(text))
	if !ok || !r.Check() {
		return Key{}, false
	}
	return r.Key, true
}

func TestPodsOfOneReplicaSet(t *testing.T) {
	text := review(t)
	first, ok := keyOf(text)
	second, okToo := keyOf(another(text))
	if !ok || !okToo || first != second {
		t.Errorf("the keys differ: %t %x, %t %x", ok, first, okToo, second)
	}
	if r, _ := Parse([]byte(another(text))); string(r.UID()) != "0f0f0f0f-6393-11e8-b7cc-42010a800002" {
		t.Errorf("uid %q", r.UID())
	}
	// An API server that has not set them, and a pod without a token.
	for _, cut := range []string{
		`"uid":"0aa3a1ee-8e33-4b0e-8ec5-000000000001","creationTimestamp":"[^"]*",`,
		`,"managedFields":\[\{[^\]]*\}\]`,
		`,\{"name":"kube-api-access-x7k2p","(projected|readOnly)"[^<]*?(420\}\}|serviceaccount"\})`,
	} {
		without := regexp.MustCompile(cut).ReplaceAllString(text, "")
		if without == text {
			t.Fatalf("testdata/review.json has no %s", cut)
		}
		first, ok := keyOf(without)
		second, _ := keyOf(another(without))
		if !ok || first != second {
			t.Errorf("without %s the keys differ, or it is not remembered: %t", cut, ok)
		}
	}
}

// scalar is a value or the name of a member.
type scalar struct {
	path       string
	isName     bool
	begin, end int
}

func scalars(t testing.TB, text string) (list []scalar) {
	t.Helper()
	d := jsontext.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.ContainsRune("{}[]", rune(token.Kind())) {
			// The text is compact, and none of its strings has an escape.
			end := int(d.InputOffset())
			begin := end - len(token.String())
			if token.Kind() == '"' {
				begin -= 2
			}
			list = append(list, scalar{string(d.StackPointer()), isMemberName(d), begin, end})
		}
	}
}

// mutated are other values of the same type.
func mutated(value string) []string {
	switch value[0] {
	case '"':
		inside := value[1 : len(value)-1]
		return []string{`"` + inside + `x"`, `"x` + inside + `"`, `""`, `"` + strings.Repeat("9", len(inside)) + `"`}
	case 't', 'f', 'n':
		return []string{"true", "false", "null"}
	}
	return []string{value + "1", "0"}
}

// TestEveryFieldCounts changes each value and each name of a request, and checks that the key
// changes, except for what is listed here.
func TestEveryFieldCounts(t *testing.T) {
	text := review(t)
	original, ok := keyOf(text)
	if !ok {
		t.Fatal("testdata/review.json is not remembered")
	}
	unaffected := map[string]bool{}
	for _, s := range scalars(t, text) {
		for _, m := range mutated(text[s.begin:s.end]) {
			changed := text[:s.begin] + m + text[s.end:]
			if key, ok := keyOf(changed); changed != text && ok && key == original {
				if s.isName {
					t.Errorf("the name of %s does not count", s.path)
				}
				unaffected[s.path] = true
			}
		}
	}
	want := map[string]bool{
		"/request/uid":                                  true,
		"/request/object/metadata/uid":                  true,
		"/request/object/metadata/creationTimestamp":    true,
		"/request/object/metadata/managedFields/0/time": true,
		// The names of volumes count unless all of them change.
	}
	if diff := cmp.Diff(want, unaffected); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNotRemembered has requests that must not be taken for another one.
func TestNotRemembered(t *testing.T) {
	text := review(t)
	for name, edit := range map[string][2]string{
		"a label uid before a label creationTimestamp": {`"metadata":{`, `"metadata":{"labels":{"uid":"a","creationTimestamp":"b"},`},
		"a second uid of the request":                  {`"kind":{"group"`, `"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","kind":{"group"`},
		"a second request":                             {`,"object":{`, `,"object":{}},"request":{"uid":"1","object":{`},
		"an annotation with the volume's name":         {`"annotations":{`, `"annotations":{"backup":"kube-api-access-x7k2p",`},
		"an annotation with another volume's name":     {`"annotations":{`, `"annotations":{"backup":"kube-api-access-aaaaa",`},
		"a label with the volume's name":               {`"labels":{`, `"labels":{"name":"kube-api-access-x7k2p",`},
		"a container with the volume's name":           {`"containers":[{"name":"app"`, `"containers":[{"name":"kube-api-access-x7k2p"`},
		"another volume of the kind":                   {`"volumes":[`, `"volumes":[{"name":"kube-api-access-aaaaa","emptyDir":{}},`},
		"another volume with an escape":                {`"volumes":[`, `"volumes":[{"name":"\u006bube-api-access-aaaaa","emptyDir":{}},`},
		"another volume with fields in another order":  {`"volumes":[`, `"volumes":[{"emptyDir":{}, "name" : "kube-api-access-aaaaa"},`},
		"a longer suffix":                              {`"volumes":[`, `"volumes":[{"name":"kube-api-access-x7k2pp","emptyDir":{}},`},
		"invalid JSON":                                 {`"volumes":[`, `"volumes":[,`},
		"text after the end":                           {`{"kind":"AdmissionReview"`, `{}{"kind":"AdmissionReview"`},
		"a uid with an escape":                         {`"uid":"705ab4f5`, `"uid":"\u0037705ab4f5`},
		"a time that is not a field's":                 {`"annotations":{`, `"annotations":{"time":"a","fieldsType":"b",`},
		"a string that ends like a field":              {`"annotations":{`, `"annotations":{"a\"time":"a","fieldsType":"b",`},
		"no uid":                                       {`"request":{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002",`, `"request":{`},
		"an empty uid":                                 {`705ab4f5-6393-11e8-b7cc-42010a800002`, ``},
	} {
		changed := strings.Replace(text, edit[0], edit[1], 1)
		if changed == text {
			t.Fatalf("testdata/review.json has no %s", edit[0])
		}
		if _, ok := keyOf(changed); ok {
			t.Errorf("%s: it is remembered", name)
		}
	}
	r, _ := Parse([]byte(text))
	if r.Check([]byte(`[{"op":"add","value":"kube-api-access-x7k2p"}]`)) {
		t.Error("it is remembered although the output has the volume's name")
	}
}

// FuzzKey checks that a request which may be remembered has the same JSON as one with the same key,
// but for the parts, and that such a one may be remembered, too.
func FuzzKey(f *testing.F) {
	f.Add([]byte(review(f)))
	f.Add([]byte(another(review(f))))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, ok := Parse(text)
		if !ok || !r.Check() {
			return
		}
		var other []byte
		at := 0
		for _, p := range r.parts {
			other = append(append(other, text[at:p.begin]...), bytes.Repeat([]byte("z"), p.end-p.begin)...)
			at = p.end
		}
		other = append(other, text[at:]...)
		same, ok := Parse(other)
		if !ok || same.Key != r.Key || !same.Check() {
			t.Fatalf("another key, or not remembered: %s", other)
		}
		if !bytes.Equal(shape(t, text), shape(t, other)) {
			t.Fatalf("other JSON: %s", other)
		}
	})
}

// shape is the sequence of the kinds of tokens.
func shape(t *testing.T, text []byte) (kinds []byte) {
	t.Helper()
	d := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		token, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return kinds
		}
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, byte(token.Kind()))
	}
}

func BenchmarkParse(b *testing.B) {
	text := []byte(review(b))
	b.ReportAllocs()
	for b.Loop() {
		Parse(text)
	}
}

func BenchmarkCheck(b *testing.B) {
	r, _ := Parse([]byte(review(b)))
	b.ReportAllocs()
	for b.Loop() {
		r.Check()
	}
}
