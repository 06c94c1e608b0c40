package settings

import (
	"errors"
	"strconv"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// origin knows which annotation a path of the settings comes from.
type origin struct {
	group
	// own counts the entries of observedCertificates that are the settings object's; those of the
	// certificates annotation follow.
	own int
	// given are the annotations that override a setting, by its path.
	given map[string]Value
}

// errors turns what Validate refused into errors about annotations.
func (o origin) errors(err error) Errors {
	var fields contract.FieldErrors
	if !errors.As(err, &fields) {
		return Errors{o.inSettings(err.Error())}
	}
	errs := make(Errors, len(fields))
	for i, f := range fields {
		errs[i] = o.blame(f)
	}
	return errs
}

// warning turns a warning of Validate, "path: text", into one about an annotation.
func (o origin) warning(text string) string {
	path, reason, ok := strings.Cut(text, ": ")
	if !ok {
		return o.inSettings(text).Error()
	}
	e := o.blame(&contract.FieldError{Path: path, Reason: reason})
	e.Value = ""
	return e.Error()
}

func (o origin) blame(f *contract.FieldError) *Error {
	if v, ok := o.given[strings.TrimRight(f.Path, "[]0123456789")]; ok {
		return v.Err(f.Reason)
	}
	if index, field, ok := entry(f.Path); ok && index >= o.own {
		e := o.certificates.Err(f.Reason)
		e.Entry, e.Value = index-o.own+1, f.Value
		if field != "" && field != "url" {
			e.Reason = field + ": " + f.Reason
		}
		return e
	}
	if v, ok := o.sibling(f.Path); ok {
		return v.Err(strings.TrimPrefix(f.Path, management) + " " + f.Reason)
	}
	if o.settings.Given() || o.configMap.Given() {
		return o.inSettings(f.Error())
	}
	e := o.certificates.Err(f.Reason)
	e.Value = f.Value
	return e
}

// sibling returns the annotation that makes a missing setting of reload necessary.
func (o origin) sibling(path string) (Value, bool) {
	if !strings.HasPrefix(path, management+"reload.") {
		return Value{}, false
	}
	for _, key := range overrides {
		if v, ok := o.given[key.path]; ok && strings.HasPrefix(key.path, management+"reload.") {
			return v, true
		}
	}
	return Value{}, false
}

// entry splits "secretsManagementSettings.observedCertificates[1].url" into 1 and "url".
func entry(path string) (index int, field string, ok bool) {
	rest, ok := strings.CutPrefix(path, management+"observedCertificates[")
	if !ok {
		return 0, "", false
	}
	number, rest, ok := strings.Cut(rest, "]")
	index, err := strconv.Atoi(number)
	return index, strings.TrimPrefix(rest, "."), ok && err == nil
}
