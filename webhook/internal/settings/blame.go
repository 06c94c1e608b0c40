package settings

import (
	"errors"
	"strconv"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// blame turns what Validate refused into errors about the annotations that it came from. The first entries,
// own many, of observedCertificates are the settings object's, the others those of the certificates
// annotation; given are the annotations that override a setting, by its path.
func (g group) blame(err error, own int, given map[string]Value) Errors {
	var fields contract.FieldErrors
	if !errors.As(err, &fields) {
		return Errors{g.inSettings(err.Error())}
	}
	errs := make(Errors, len(fields))
	for i, f := range fields {
		errs[i] = g.blameOne(f, own, given)
	}
	return errs
}

func (g group) blameOne(f *contract.FieldError, own int, given map[string]Value) *Error {
	if v, ok := given[strings.TrimRight(f.Path, "[]0123456789")]; ok {
		return v.Err(f.Reason)
	}
	if index, field, ok := entry(f.Path); ok && index >= own {
		e := g.certificates.Err(f.Reason)
		e.Entry, e.Value = index-own+1, f.Value
		if field != "" && field != "url" {
			e.Reason = field + ": " + f.Reason
		}
		return e
	}
	if g.settings.Given() || g.configMap.Given() {
		return g.inSettings(f.Error())
	}
	e := g.certificates.Err(f.Reason)
	e.Value = f.Value
	return e
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
