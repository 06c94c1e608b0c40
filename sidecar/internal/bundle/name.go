package bundle

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// sameName reports whether two names are equal. Names are compared by value (RFC 5280, 7.1): an
// authority may write its name as PrintableString, and the certificates that it issues may write it
// as UTF8String. Upper and lower case and the amount of white space make no difference.
func sameName(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	nameA, okA := parseName(a)
	nameB, okB := parseName(b)
	return okA && okB && slices.EqualFunc(nameA, nameB, func(x, y []attribute) bool {
		return slices.Equal(canonical(x), canonical(y))
	})
}

// attribute is one attribute of a name. Text is empty if the value is not a string, and raw is its
// encoding.
type attribute struct {
	id     string
	text   string
	isText bool
	raw    []byte
}

// canonical returns the attributes of one relative name in a form that is equal for equal values.
// DER sorts the attributes by their encoding, so equal values can have a different order.
func canonical(attributes []attribute) []string {
	out := make([]string, 0, len(attributes))
	for _, a := range attributes {
		value := "#" + string(a.raw)
		if a.isText {
			value = "=" + strings.Join(strings.Fields(strings.Map(fold, a.text)), " ")
		}
		out = append(out, a.id+value)
	}
	slices.Sort(out)
	return out
}

// fold returns the same rune for all runes that differ only in case.
func fold(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}

// parseName reads a name (RFC 5280, 4.1.2.4). It reports whether the structure is that of a name,
// and accepts any characters.
func parseName(der []byte) (name [][]attribute, ok bool) {
	input := cryptobyte.String(der)
	if !input.ReadASN1(&input, cryptobyteasn1.SEQUENCE) {
		return nil, false
	}
	for !input.Empty() {
		var set cryptobyte.String
		if !input.ReadASN1(&set, cryptobyteasn1.SET) {
			return nil, false
		}
		var relative []attribute
		for !set.Empty() {
			var pair, value cryptobyte.String
			var id asn1.ObjectIdentifier
			var tag cryptobyteasn1.Tag
			if !set.ReadASN1(&pair, cryptobyteasn1.SEQUENCE) || !pair.ReadASN1ObjectIdentifier(&id) {
				return nil, false
			}
			raw := pair
			if !pair.ReadAnyASN1(&value, &tag) {
				return nil, false
			}
			text, isText := decodeString(tag, value)
			relative = append(relative, attribute{id.String(), text, isText, raw})
		}
		name = append(name, relative)
	}
	return name, true
}

// decodeString decodes the string types of a DirectoryString and those of e-mail addresses and
// domain components.
func decodeString(tag cryptobyteasn1.Tag, value []byte) (text string, ok bool) {
	const (
		numericString, visibleString = cryptobyteasn1.Tag(18), cryptobyteasn1.Tag(26)
		universalString, bmpString   = cryptobyteasn1.Tag(28), cryptobyteasn1.Tag(30)
	)
	switch tag {
	case cryptobyteasn1.UTF8String, cryptobyteasn1.PrintableString, cryptobyteasn1.IA5String, numericString, visibleString:
		return string(value), true
	case cryptobyteasn1.T61String: // in practice Latin-1, as OpenSSL reads it
		runes := make([]rune, len(value))
		for i, c := range value {
			runes[i] = rune(c)
		}
		return string(runes), true
	case bmpString:
		if len(value)%2 != 0 {
			return "", false
		}
		units := make([]uint16, len(value)/2)
		for i := range units {
			units[i] = uint16(value[2*i])<<8 | uint16(value[2*i+1])
		}
		return string(utf16.Decode(units)), true
	case universalString:
		if len(value)%4 != 0 {
			return "", false
		}
		runes := make([]rune, len(value)/4)
		for i := range runes {
			c := value[4*i:]
			runes[i] = rune(c[0])<<24 | rune(c[1])<<16 | rune(c[2])<<8 | rune(c[3])
		}
		return string(runes), true
	}
	return "", false
}

// displayName returns the subject's common name, or another part of the subject, in quotes, for
// messages.
func displayName(c *x509.Certificate) string { return displayNameOf(c.RawSubject) }

func displayNameOf(rawName []byte) string {
	const commonName = "2.5.4.3"
	name, _ := parseName(rawName)
	text := ""
	for _, a := range slices.Concat(name...) {
		if a.isText && (text == "" || a.id == commonName) {
			text = a.text
		}
	}
	return fmt.Sprintf("%.80q", strings.ToValidUTF8(text, "?"))
}
