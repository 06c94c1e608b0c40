package keyvault

import (
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/azhttp"
)

func (v *vault) explainResponse(resp *http.Response, ref Ref) error {
	if throttled := azhttp.Throttled(resp); throttled != nil {
		return throttled
	}
	f := readFailure(resp)
	code := cmp.Or(f.inner, f.outer)
	status := resp.StatusCode
	switch {
	case f.outer == "" || status < http.StatusBadRequest || status >= http.StatusInternalServerError:
		return &UnexpectedResponseError{Ref: ref, Status: status, Code: code}
	case status == http.StatusUnauthorized && f.outer == "Unauthorized":
		return v.refusedToken(ref, f.message)
	case status == http.StatusNotFound && f.outer == "SecretNotFound":
		return &NotFoundError{Ref: ref}
	case status == http.StatusForbidden && f.inner == "SecretDisabled":
		return &DisabledError{Ref: ref}
	case status == http.StatusForbidden:
		return &ForbiddenError{Ref: ref, ClientID: v.id.ClientID, Code: code, Client: addressIn(f.message), message: f.message}
	}
	return &RejectedError{Ref: ref, Status: status, Code: code, message: f.message}
}

// failure is the content of an error of Key Vault. The codes are empty if it is not from Key Vault.
type failure struct{ outer, inner, message string }

var codePattern = regexp.MustCompile(`^\w+$`)

// isCode reports whether a text is an error code. Anything else is not put into an error.
func isCode(s string) bool {
	const maxLength = 64
	return len(s) <= maxLength && codePattern.MatchString(s)
}

// readFailure reads an error of Key Vault. The SDK parses only the outer code, and "Forbidden"
// alone is not enough to find the remedy. Messages describe the request, the caller and the vault;
// they never contain a secret.
//
// Source: https://learn.microsoft.com/azure/key-vault/general/rest-error-codes
func readFailure(resp *http.Response) failure {
	body, err := runtime.Payload(resp)
	if err != nil {
		return failure{}
	}
	var content struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
			Inner   struct {
				Code string `json:"code"`
			} `json:"innererror"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &content) != nil || !isCode(content.Error.Code) {
		return failure{}
	}
	f := failure{outer: content.Error.Code, message: azhttp.CleanText(content.Error.Message)}
	if isCode(content.Error.Inner.Code) {
		f.inner = content.Error.Inner.Code
	}
	return f
}
