package contract

import (
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/internal/jsontree"
)

func (p *parser) boolean(n *jsontree.Value, v reflect.Value, path string) {
	b, ok := ParseBool(n.Text)
	if !ok || n.Kind != jsontree.Bool && n.Kind != jsontree.String {
		p.expected(n, path, "true or false")
		return
	}
	v.Set(reflect.ValueOf(&b))
}

func (p *parser) integer(n *jsontree.Value, v reflect.Value, path string) {
	number, ok := scalarNumber(n)
	if !ok || number <= 0 || number > math.MaxInt32 { // in Settings, zero means absent
		p.expected(n, path, "a whole number above 0")
		return
	}
	v.SetInt(number)
}

// text reads a string. A field with the tag from:"number" also accepts a whole number.
func (p *parser) text(n *jsontree.Value, v reflect.Value, tag reflect.StructTag, path string) {
	number := tag.Get("from") == "number"
	switch {
	case n.Kind == jsontree.String:
		v.SetString(n.Text)
		if p.schema.system == SystemLinux && windowsStore(n.Text) && strings.HasSuffix(path, "certificateStoreLocation") {
			p.fail(n.Offset, path, n.Text, reasonWindowsStore)
		}
	case n.Kind == jsontree.Number && number:
		p.number(n, v, path)
	case number:
		p.expected(n, path, "a name or number")
	case n.Kind == jsontree.Number:
		p.expected(n, path, "a string in quotation marks")
	default:
		p.expected(n, path, "a string")
	}
}

// number reads a whole number into a string.
func (p *parser) number(n *jsontree.Value, v reflect.Value, path string) {
	text := n.Text
	if !digits(text) {
		number, ok := wholeNumber(text)
		if !ok || number < 0 {
			p.expected(n, path, "a name or number")
			return
		}
		text = strconv.FormatInt(number, 10)
	}
	v.SetString(text)
}

func (p *parser) seconds(n *jsontree.Value, v reflect.Value, path string) {
	if n.Kind != jsontree.String && n.Kind != jsontree.Number {
		p.expected(n, path, "seconds, as a string or number")
		return
	}
	seconds, ok := scalarNumber(n)
	if !ok || seconds < 0 || seconds > math.MaxInt32 {
		p.expected(n, path, `whole seconds, as in "3600"`)
		return
	}
	d := time.Duration(seconds) * time.Second
	if err := checkPollingInterval(d); err != nil { // also refuses zero, which means absent
		p.fail(n.Offset, path, n.Text, err.Error())
		return
	}
	v.SetInt(int64(d))
}

// scalarNumber returns the whole number that a number or string contains.
func scalarNumber(n *jsontree.Value) (int64, bool) {
	if n.Kind != jsontree.Number && n.Kind != jsontree.String {
		return 0, false
	}
	return wholeNumber(strings.TrimSpace(n.Text))
}

// ParseBool reads "true" or "false" in upper or lower case, as programs and templates write it; ok
// is false for anything else.
func ParseBool(text string) (value, ok bool) {
	text = strings.TrimSpace(text)
	value = strings.EqualFold(text, "true")
	return value, value || strings.EqualFold(text, "false")
}

// ParsePort reads a port from 1 to 65535, written as wholeNumber reads it; ok is false for anything
// else. ReasonInvalidPort is the error text.
func ParsePort(text string) (port int, ok bool) {
	number, ok := wholeNumber(strings.TrimSpace(text))
	if !ok || number < 1 || number > math.MaxUint16 {
		return 0, false
	}
	return int(number), true
}

// wholeNumber returns a number without a fraction in decimal notation: 3600, or 3600.0 or 3.6e+03,
// as programs and templates write it that compute with floating-point numbers.
func wholeNumber(text string) (int64, bool) {
	if digits(text) {
		number, err := strconv.ParseInt(text, 10, 64)
		return number, err == nil
	}
	if strings.Trim(text, "0123456789.eE+-") != "" {
		return 0, false // ParseFloat also reads hexadecimal numbers, infinity and NaN
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || number != math.Trunc(number) || math.Abs(number) >= 1<<53 {
		return 0, false
	}
	return int64(number), true
}

// digits reports whether s consists of one or more decimal digits.
func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
