package settings

import (
	"errors"
	"strconv"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// origin finds the annotation that a path of the settings comes from.
type origin struct {
	group
	// settingsEntries is the number of observedCertificates that come from the settings object. The
	// entries of the certificates annotation follow them.
	settingsEntries int
	// overrides are the annotations that override a setting, by the path of the setting.
	overrides map[string]Value
}

// errors turns the error of Validate into errors about annotations.
func (o origin) errors(err error) Errors {
	var fields contract.FieldErrors
	if !errors.As(err, &fields) {
		return Errors{o.inSettings(err.Error())}
	}
	errs := make(Errors, len(fields))
	for i, f := range fields {
		errs[i] = o.fieldError(f)
	}
	return errs
}

// warning turns a warning of Validate, "path: text", into one about an annotation.
func (o origin) warning(text string) string {
	path, reason, ok := strings.Cut(text, ": ")
	if !ok {
		return o.inSettings(text).Error()
	}
	e := o.fieldError(&contract.FieldError{Path: path, Reason: reason})
	e.Value = ""
	return e.Error()
}

// fieldError turns an error about a setting into one about the annotation that it comes from.
func (o origin) fieldError(f *contract.FieldError) *Error {
	if v, ok := o.overrides[strings.TrimRight(f.Path, "[]0123456789")]; ok {
		return v.Err(f.Reason)
	}
	if index, field, ok := parseEntryPath(f.Path); ok && index >= o.settingsEntries {
		e := o.certificates.Err(f.Reason)
		e.Entry, e.Value = index-o.settingsEntries+1, f.Value
		if field != "" && field != "url" {
			e.Reason = field + ": " + f.Reason
		}
		return e
	}
	if v, ok := o.reloadSibling(f.Path); ok {
		return v.Err(strings.TrimPrefix(f.Path, management) + " " + f.Reason)
	}
	if o.settings.Given() || o.configMap.Given() {
		return o.inSettings(f.Error())
	}
	e := o.certificates.Err(f.Reason)
	e.Value = f.Value
	return e
}

// reloadSibling returns the reload annotation that requires the missing reload setting at path.
func (o origin) reloadSibling(path string) (Value, bool) {
	if !strings.HasPrefix(path, management+"reload.") {
		return Value{}, false
	}
	for _, override := range overrides {
		if v, ok := o.overrides[override.path]; ok && strings.HasPrefix(override.path, management+"reload.") {
			return v, true
		}
	}
	return Value{}, false
}

// parseEntryPath splits "secretsManagementSettings.observedCertificates[1].url" into 1 and "url".
func parseEntryPath(path string) (index int, field string, ok bool) {
	rest, ok := strings.CutPrefix(path, contract.PathObserved+"[")
	if !ok {
		return 0, "", false
	}
	number, rest, ok := strings.Cut(rest, "]")
	index, err := strconv.Atoi(number)
	return index, strings.TrimPrefix(rest, "."), ok && err == nil
}
