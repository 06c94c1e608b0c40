package settings

import (
	"strconv"
	"strings"
)

// firstUser returns the first user ID of a range, which OpenShift gives to containers that do not
// set one, or nil. A range is "<first>/<size>" or "<first>-<last>".
//
// Source: ParseBlock in github.com/openshift/library-go/pkg/security/uid
func firstUser(userRange string) *int64 {
	end := strings.IndexAny(userRange, "/-")
	if end < 0 {
		return nil
	}
	first, err := strconv.ParseUint(userRange[:end], 10, 31)
	if err != nil {
		return nil
	}
	id := int64(first)
	return &id
}
