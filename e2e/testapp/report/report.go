// Package report is the form of what "testapp watch" prints, shared with those who read its log.
package report

// Line is what the watching client has seen so far, one JSON object a line.
type Line struct {
	// Handshakes and Failures count from the start.
	Handshakes int `json:"handshakes"`
	Failures   int `json:"failures"`
	// Serial is the serial number of the leaf that was served and verified last, in hexadecimal,
	// and Chain the number of certificates that the server sent. They are empty where Error says
	// why the last handshake failed.
	Serial string `json:"serial,omitempty"`
	Chain  int    `json:"chain,omitempty"`
	Error  string `json:"error,omitempty"`
}
