package azure

import (
	"encoding/json"
	"net/http"
)

// service is one emulated service. It creates complete answers to requests but does not write them,
// so that faults can change them.
type service interface {
	// name is one of the Service constants.
	name() string
	// operation is one of the Op constants.
	operation(r *http.Request) string
	// isChallenge tells whether r has no token, so that the response is a challenge.
	isChallenge(r *http.Request) bool
	// serve returns the answer to r.
	serve(r *http.Request) answer
	// hasError tells whether the service has an error with that code. errorAnswer returns it as the
	// answer to r.
	hasError(code string) bool
	errorAnswer(r *http.Request, code string) answer
	// statusAnswer returns an answer with a status that the service sends without reading the
	// request, such as 429 or 503.
	statusAnswer(r *http.Request, status int) answer
}

// answer is an HTTP response with the data for the request log.
type answer struct {
	status int
	header http.Header
	body   []byte

	code     string
	clientID string
}

// jsonAnswer returns an answer with body as JSON. Encoding body must not fail.
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
