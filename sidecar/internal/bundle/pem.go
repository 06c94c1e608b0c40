package bundle

import (
	"encoding/pem"
	"fmt"
	"regexp"
	"strings"
)

const pemBegin = "-----BEGIN "

var (
	// pemLine is the first or last line of a PEM block (RFC 7468, 3).
	pemLine = regexp.MustCompile(`-----(BEGIN|END) ([^-\r\n]*)-----`)
	// lineEnds also replaces the line breaks that a JSON or shell string lost, and removes byte
	// order marks, which editors write at the beginning of each file.
	lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n", `\r`, "", `\n`, "\n", "\ufeff", "")
)

// readPEM reads certificates and keys in any order, and lists what it cannot read. Beside what
// OpenSSL reads, it reads text whose line breaks or indentation were changed on the way, since the
// meaning stays clear.
func readPEM(value string) contents {
	var c contents
	var lines []string
	for line := range strings.SplitSeq(pemLine.ReplaceAllString(lineEnds.Replace(value), "\n$0\n"), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line+"\n")
		}
	}
	blocks := strings.Split(strings.Join(lines, ""), pemBegin)
	for _, text := range blocks[1:] { // the first is the text before the first block
		label, _, _ := strings.Cut(text, "-")
		if block, _ := pem.Decode([]byte(pemBegin + text)); block != nil {
			c.addBlock(block)
		} else {
			c.addDamagedBlock(label, strings.Contains(text, "-----END "+label+"-----"))
		}
	}
	return c
}

func (c *contents) addBlock(block *pem.Block) {
	switch block.Type {
	case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
		c.addCertificate(block.Bytes)
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
		// OpenSSL uses these block types for keys with RFC 1421 encryption, too.
		if strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			c.keyErrors = append(c.keyErrors, encryptedKey())
		} else {
			c.addKey(block.Bytes)
		}
	case "ENCRYPTED PRIVATE KEY":
		c.keyErrors = append(c.keyErrors, encryptedKey())
	case "DSA PRIVATE KEY":
		c.keyErrors = append(c.keyErrors, unsupportedKey("a DSA key"))
	case "OPENSSH PRIVATE KEY":
		c.keyErrors = append(c.keyErrors, unsupportedKey("in OpenSSH format"))
	case "PKCS7", "PKCS #7 SIGNED DATA", "CMS":
		if !c.addPKCS7(block.Bytes) {
			c.ignored = append(c.ignored, block.Type)
		}
	case "EC PARAMETERS": // OpenSSL writes them before an EC key, which contains them, too
	default:
		c.ignored = append(c.ignored, block.Type)
	}
}

func (c *contents) addDamagedBlock(label string, hasEnd bool) {
	what := "is damaged"
	if !hasEnd {
		what = "is truncated or has no matching END line"
	}
	switch {
	case strings.Contains(label, "CERTIFICATE"):
		c.addCertificateError(what)
	case strings.Contains(label, "KEY"):
		c.keyErrors = append(c.keyErrors, &Error{Malformed,
			fmt.Sprintf("the PEM block of the private key (%.40q) %s", label, what), "import the certificate with its key again"})
	default:
		c.ignored = append(c.ignored, label)
	}
}
