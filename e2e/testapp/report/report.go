// Package report defines the output of "testapp watch" for the programs that read its log.
package report

// Line is what the client has seen so far: one JSON object per line.
type Line struct {
	// Handshakes and Failures are counted from the start.
	Handshakes int `json:"handshakes"`
	Failures   int `json:"failures"`
	// Serial is the serial number of the last leaf that was served and verified, in hexadecimal.
	// Chain is the number of certificates that the server sent. If the last handshake failed, they
	// are empty and Error contains the reason.
	Serial string `json:"serial,omitempty"`
	Chain  int    `json:"chain,omitempty"`
	Error  string `json:"error,omitempty"`
}
