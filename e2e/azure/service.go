package azure

import (
	"encoding/json"
	"net/http"
)

// service is one emulated service. It turns requests into complete answers and
// never writes them, so that faults can change any of them.
type service interface {
	// name is one of the Service constants.
	name() string
	// operation is one of the Op constants.
	operation(r *http.Request) string
	// isChallenge says whether r only asks how to authenticate.
	isChallenge(r *http.Request) bool
	// serve answers r.
	serve(r *http.Request) answer
	// hasError says whether the service has an error of that code, and
	// errorAnswer answers r with it.
	hasError(code string) bool
	errorAnswer(r *http.Request, code string) answer
	// statusAnswer answers r with a status that the service sends without
	// having looked at the request, such as 429 or 503.
	statusAnswer(r *http.Request, status int) answer
}

// answer is an HTTP response with what the request log says of it.
type answer struct {
	status int
	header http.Header
	body   []byte

	code     string
	clientID string
}

// jsonAnswer encodes body, which must be encodable.
func jsonAnswer(status int, body any) answer {
	data, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	h := make(http.Header)
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store, no-cache")
	return answer{status: status, header: h, body: data}
}
