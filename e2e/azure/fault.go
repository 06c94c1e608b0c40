package azure

// Fault makes requests fail on purpose. The first fault that matches a request is
// applied to it. What may be combined: Delay with everything; Status, RetryAfter,
// Header and Body with each other; Drip and Truncate with each other and with any
// answer, be it the real one. With only Delay the request is answered as if there
// were not a fault.
type Fault struct {
	// ID names the fault; one is invented if it is empty.
	ID string `json:"id,omitempty"`

	// Service, Operation, Host and PathPrefix say which requests it is for, as
	// in [Filter]. SkipChallenges leaves requests without a token alone.
	Service        string `json:"service,omitempty"`
	Operation      string `json:"operation,omitempty"`
	Host           string `json:"host,omitempty"`
	PathPrefix     string `json:"pathPrefix,omitempty"`
	SkipChallenges bool   `json:"skipChallenges,omitempty"`
	// Count is how many requests it is applied to; 0 means all until cleared.
	Count int `json:"count,omitempty"`

	// Delay is waited before anything else happens.
	Delay Duration `json:"delay,omitempty"`
	// Error answers with one of the service's own errors: an AADSTS number
	// such as "700213", or a Key Vault code such as "ForbiddenByFirewall".
	Error string `json:"error,omitempty"`
	// Status answers with this status; without Body and Error the body is what
	// the service itself sends for it.
	Status int `json:"status,omitempty"`
	// RetryAfter is the header as sent: seconds or an HTTP date.
	RetryAfter string `json:"retryAfter,omitempty"`
	// Header sets headers of the answer, in the place of those that it has.
	Header map[string]string `json:"header,omitempty"`
	// Body replaces the answer's body. BodyType is its content type,
	// application/json when empty.
	Body     string `json:"body,omitempty"`
	BodyType string `json:"bodyType,omitempty"`
	// Garbage answers 200 (or Status) with bytes that are not JSON.
	Garbage bool `json:"garbage,omitempty"`
	// Truncate closes the connection in the middle of the body.
	Truncate bool `json:"truncate,omitempty"`
	// Drip sends the body in small pieces with this pause between them.
	Drip Duration `json:"drip,omitempty"`
	// Close closes the connection without an answer.
	Close bool `json:"close,omitempty"`
	// Hang never answers, until the client gives up or the fault is cleared.
	Hang bool `json:"hang,omitempty"`
}
