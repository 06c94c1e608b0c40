package azure

// Fault makes requests fail on purpose. The first fault that matches a request is applied to it.
// These fields can be combined: Delay with all others; Status, RetryAfter, Header and Body with
// each other; Drip and Truncate with each other and with any response, including the real one. A
// fault with only Delay does not change the response.
type Fault struct {
	// ID names the fault. If it is empty, InjectFault creates one.
	ID string `json:"id,omitempty"`

	// Service, Operation, Host and PathPrefix select requests, as in [Filter]. SkipChallenges
	// excludes requests without a token.
	Service        string `json:"service,omitempty"`
	Operation      string `json:"operation,omitempty"`
	Host           string `json:"host,omitempty"`
	PathPrefix     string `json:"pathPrefix,omitempty"`
	SkipChallenges bool   `json:"skipChallenges,omitempty"`
	// Count is the number of requests to which the fault applies; 0 means all until it is cleared.
	Count int `json:"count,omitempty"`

	// Delay is the pause before anything else happens.
	Delay Duration `json:"delay,omitempty"`
	// Error responds with one of the service's errors: an AADSTS number such as "700213", or a Key
	// Vault code such as "ForbiddenByFirewall".
	Error string `json:"error,omitempty"`
	// Status responds with this status. Without Body and Error, the body is the one that the
	// service sends with it.
	Status int `json:"status,omitempty"`
	// RetryAfter is the header as sent: seconds or an HTTP date.
	RetryAfter string `json:"retryAfter,omitempty"`
	// Header sets or replaces headers of the response.
	Header map[string]string `json:"header,omitempty"`
	// Body replaces the body of the response. BodyType is its content type, application/json if
	// empty.
	Body     string `json:"body,omitempty"`
	BodyType string `json:"bodyType,omitempty"`
	// Garbage responds with 200 (or Status) and bytes that are not JSON.
	Garbage bool `json:"garbage,omitempty"`
	// Truncate closes the connection in the middle of the body.
	Truncate bool `json:"truncate,omitempty"`
	// Drip sends the body in small pieces with this pause between them.
	Drip Duration `json:"drip,omitempty"`
	// Close closes the connection without a response.
	Close bool `json:"close,omitempty"`
	// Reset resets the connection (TCP RST) without a response.
	Reset bool `json:"reset,omitempty"`
	// Hang does not respond until the client gives up or the fault is cleared.
	Hang bool `json:"hang,omitempty"`
}
