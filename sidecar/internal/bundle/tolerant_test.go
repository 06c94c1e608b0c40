package bundle_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
)

// refused are certificates that crypto/x509 refuses and OpenSSL serves.
var refused = map[string]func(fields []asn1.RawValue){
	"negative serial":       func(f []asn1.RawValue) { f[fieldSerial] = der(2, 2, 0x80, 1) },
	"non-minimal serial":    func(f []asn1.RawValue) { f[fieldSerial] = der(2, 2, 0, 1) },
	"underscore in subject": func(f []asn1.RawValue) { f[fieldSubject] = name(19, "web_1") },
	"at sign in subject":    func(f []asn1.RawValue) { f[fieldSubject] = name(19, "web@example.com") },
	"broken UTF-8":          func(f []asn1.RawValue) { f[fieldSubject] = name(12, "w\xfcb") },
	"address of 5 bytes": func(f []asn1.RawValue) {
		f[fieldExtensions] = replaced(f[fieldExtensions], "\x82\x05ab.cd", "\x87\x05ab.cd")
	},
	"fraction of a second": func(f []asn1.RawValue) {
		f[fieldValidity] = asn1.RawValue{FullBytes: []byte("0\x22\x18\x1120260101000000.5Z\x17\x0d360101000000Z")}
	},
}

func sanTemplate(c *x509.Certificate) { c.DNSNames = []string{"ab.cd"} }

// A certificate that OpenSSL serves is installed, alone and in a chain, from PEM and from PKCS #12,
// although crypto/x509 refuses it. Nothing else of the secret changes.
func TestRefusedByGo(t *testing.T) {
	root := issue(t, "Root", nil)
	leaf := issue(t, "web", root, notCA, sanTemplate)
	for kind, edit := range refused {
		t.Run(kind, func(t *testing.T) {
			odd := edited(t, leaf, root.key.(*ecdsa.PrivateKey), edit)
			if _, err := x509.ParseCertificate(odd.Bytes); err == nil {
				t.Fatal("crypto/x509 accepts it")
			}
			for format, value := range map[string]string{
				"PEM":       pemOf(odd, root, leaf.key),
				"PKCS #12":  rawP12(t, pkcs12.Modern2023, leaf.key, odd.Bytes, root.cert.Raw),
				"3DES":      rawP12(t, pkcs12.LegacyDES, leaf.key, odd.Bytes, root.cert.Raw),
				"plaintext": rawP12(t, pkcs12.Passwordless, leaf.key, odd.Bytes, root.cert.Raw),
			} {
				b := mustParse(t, value)
				checkBundle(t, b)
				if string(b.Leaf.Raw) != string(odd.Bytes) || b.Root == nil || b.NotAfter().Year() != 2036 || len(b.Warnings) != 1 {
					t.Errorf("%s: chain %s until %s, warnings %q", format, names(b.Chain()), b.NotAfter(), b.Warnings)
				}
			}
			// The key of another certificate still does not match.
			_ = wantReason(t, pemOf(odd, root, ecKey(t)), "", bundle.KeyMismatch)
			checkConsumers(t, mustParse(t, pemOf(odd, root, leaf.key)))
		})
	}
}

// Names are compared by value: the authority may write its name in another way than its
// certificates.
func TestNamesByValue(t *testing.T) {
	root := issue(t, "Root", nil)
	bmp := "\x00C\x00A\x00 \x00\xc4"
	for kind, names := range map[string][2]asn1.RawValue{
		"UTF8String, PrintableString": {name(12, "Test CA"), name(19, "Test CA")},
		"upper case":                  {name(19, "TEST CA"), name(19, "Test CA")},
		"upper case, not ASCII":       {name(12, "ÄÖ"), name(12, "äö")},
		"white space":                 {name(19, " Test   CA "), name(12, "Test CA")},
		"IA5String":                   {name(22, "test ca"), name(19, "Test CA")},
		"BMPString, TeletexString":    {name(30, bmp), name(20, "CA \xc4")},
		"BMPString, UTF8String":       {name(30, bmp), name(12, "ca ä")},
		"UniversalString":             {name(28, "\x00\x00\x00C\x00\x00\x00A"), name(12, "CA")},
		"underscore":                  {name(19, "a_b"), name(12, "a_b")},
	} {
		t.Run(kind, func(t *testing.T) {
			ca, leaf := issue(t, "Test CA", root), issue(t, "web", nil, notCA)
			inCA := edited(t, ca, root.key.(*ecdsa.PrivateKey), func(f []asn1.RawValue) { f[fieldSubject] = names[0] })
			inLeaf := edited(t, leaf, ca.key.(*ecdsa.PrivateKey), func(f []asn1.RawValue) { f[fieldIssuer] = names[1] })
			b := mustParse(t, pemOf(inLeaf, inCA, root, leaf.key))
			if len(b.Chain()) != 3 || b.Root == nil || b.Dropped != 0 {
				t.Errorf("chain of %d, %d dropped, warnings %q", len(b.Chain()), b.Dropped, b.Warnings)
			}
		})
	}
	t.Run("another name", func(t *testing.T) {
		ca, leaf := issue(t, "Test CA", root), issue(t, "web", nil, notCA)
		inLeaf := edited(t, leaf, ca.key.(*ecdsa.PrivateKey), func(f []asn1.RawValue) { f[fieldIssuer] = name(19, "TestCA") })
		b := mustParse(t, pemOf(inLeaf, ca, leaf.key))
		want := []string{`1 certificate, not part of the certificate's chain: left out ("Test CA"); the chain ends at "web", because the secret does not contain its issuer, "TestCA"`}
		if len(b.Chain()) != 1 || !slices.Equal(b.Warnings, want) {
			t.Errorf("chain of %d, warnings %q, want %q", len(b.Chain()), b.Warnings, want)
		}
	})
}

// Text that was changed on its way into the vault is read if its meaning is clear.
func TestChangedText(t *testing.T) {
	chain := chainOf(t, 1)
	good := pemOf(chain[0].key, chain[0], chain[1], chain[2])
	trusted := pemOf(chain[0].key, &pem.Block{Type: "TRUSTED CERTIFICATE", Bytes: append(slices.Clone(chain[0].cert.Raw), 0x30, 0)}, chain[1], chain[2])
	utf16 := func(text string) string { return strings.Join(strings.Split(text, ""), "\x00") + "\x00" }
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for what, value := range map[string]string{
		"glued":                    strings.ReplaceAll(good, "-----\n-----", "----------"),
		"glued to the base64":      strings.ReplaceAll(good, "\n-----END", "-----END"),
		"byte order marks":         "\ufeff" + strings.ReplaceAll(good, "-----BEGIN", "\ufeff-----BEGIN"),
		"CR LF":                    strings.ReplaceAll(good, "\n", "\r\n"),
		"CR":                       strings.ReplaceAll(good, "\n", "\r"),
		"indented":                 strings.ReplaceAll(good, "\n", "\n    "),
		"tabs and trailing spaces": strings.ReplaceAll(good, "\n", " \n\t"),
		"no line break at the end": strings.TrimRight(good, "\n"),
		"text in between":          "key:\n" + strings.ReplaceAll(good, "-----BEGIN CERT", "subject=x: y\n\n-----BEGIN CERT"),
		"spaces for line breaks":   strings.ReplaceAll(good, "\n", " "),
		"no line breaks":           strings.ReplaceAll(good, "\n", ""),
		"JSON string":              `"` + strings.ReplaceAll(good, "\n", `\n`) + `"`,
		"JSON string with CR LF":   strings.ReplaceAll(good, "\n", `\r\n`),
		"UTF-16":                   utf16(good),
		"base64":                   encode(good),
		"base64 of UTF-16":         encode("\xff\xfe" + utf16(good)),
		"base64, twice":            encode(encode(good)),
		"base64 of base64 of DER":  encode(p12(t, pkcs12.Modern2023, "", chain[0].key, chain...)),
		"base64 for URLs":          strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(p12(t, pkcs12.Modern2023, "", chain[0].key, chain...)),
		"trusted certificate":      trusted,
		"data after a certificate": strings.ReplaceAll(trusted, "TRUSTED ", ""),
		"CA certificates in PKCS7": pemOf(chain[0].key, chain[0], &pem.Block{Type: "PKCS7", Bytes: pkcs7(t, chain[2], chain[1])}),
	} {
		t.Run(what, func(t *testing.T) {
			b := mustParse(t, value)
			if got := names(b.Chain()); got != "leaf.example < CA A < Root" || len(b.Warnings) > 0 {
				t.Errorf("chain %s, warnings %q", got, b.Warnings)
			}
		})
	}
}

// Whatever is left out of the files is described, and never prevents the installation of the leaf.
func TestLeftOut(t *testing.T) {
	chain := chainOf(t, 1)
	leaf, ca, root := chain[0], chain[1], chain[2]
	stranger := issue(t, "Stranger", nil)
	base := []any{leaf, ca, root, leaf.key}
	good := pemOf(base...)
	damaged := &pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw[:100]}
	for what, c := range map[string]struct{ value, want string }{
		"unrelated":             {pemOf(append(base, stranger)...), `1 certificate, not part of the certificate's chain: left out ("Stranger")`},
		"many":                  {pemOf(append(base, stranger, issue(t, "S2", nil), issue(t, "S3", nil), issue(t, "S4", nil))...), `4 certificates, not part of the certificate's chain: left out ("S2", "S3", "S4", and 1 more)`},
		"repeated":              {good + good, "3 repeated certificates in the secret: left out"},
		"damaged":               {pemOf(append(base, damaged)...), "certificate 4 of the secret cannot be parsed (x509: malformed certificate): left out"},
		"truncated":             {good + pemOf(stranger)[:200], "certificate 4 of the secret is truncated or has no matching END line: left out"},
		"broken base64":         {good + strings.Replace(pemOf(stranger), "MII", "M!I", 1), "certificate 4 of the secret is damaged: left out"},
		"another key":           {pemOf(append(base, ecKey(t))...), "1 private key, not that of the certificate: left out"},
		"an encrypted key":      {pemOf(append(base, &pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{0x30, 0}})...), "another key of the secret is left out: the private key in the PEM data is password-protected"},
		"DH parameters":         {pemOf(append(base, &pem.Block{Type: "DH PARAMETERS", Bytes: []byte{0x30, 0}})...), `PEM block "DH PARAMETERS" in the secret: left out`},
		"the authority's key":   {pemOf(append(base, ca.key)...), "1 private key, not that of the certificate: left out"},
		"damaged in a PKCS #12": {rawP12(t, pkcs12.LegacyDES, leaf.key, leaf.cert.Raw, ca.cert.Raw, root.cert.Raw, damaged.Bytes), "certificate 4 of the secret cannot be parsed (x509: malformed certificate): left out"},
	} {
		t.Run(what, func(t *testing.T) {
			b := mustParse(t, c.value)
			if got := names(b.Chain()); got != "leaf.example < CA A < Root" || !slices.Equal(b.Warnings, []string{c.want}) {
				t.Errorf("chain %s, warnings %q, want %q", got, b.Warnings, c.want)
			}
		})
	}
}

// An RSA key with redundant zeros, which OpenSSL accepts, is read in each format.
func TestRedundantZeros(t *testing.T) {
	key := mustRSA(t)
	leaf := certify(t, "web", key, nil)
	var numbers []*big.Int
	if _, err := asn1.Unmarshal(x509.MarshalPKCS1PrivateKey(key), &numbers); err != nil {
		t.Fatal(err)
	}
	var padded []asn1.RawValue
	for _, n := range numbers {
		padded = append(padded, asn1.RawValue{Tag: asn1.TagInteger, Bytes: append([]byte{0, 0}, n.Bytes()...)})
	}
	pkcs1, err := asn1.Marshal(padded)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := asn1.Marshal(struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}{0, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}}, pkcs1})
	if err != nil {
		t.Fatal(err)
	}
	for kind, block := range map[string]*pem.Block{
		"PKCS #1": {Type: "RSA PRIVATE KEY", Bytes: pkcs1}, "PKCS #8 without parameters": {Type: "PRIVATE KEY", Bytes: wrapped},
	} {
		if b := mustParse(t, pemOf(leaf, block)); !key.Equal(b.Key) {
			t.Errorf("%s: the bundle has a different key", kind)
		}
	}
}

// An RSA certificate whose key lacks the NULL parameters is matched with its key.
func TestKeyWithoutNull(t *testing.T) {
	root := issue(t, "Root", nil)
	leaf := certify(t, "web", mustRSA(t), root, notCA)
	public, err := asn1.Marshal(struct {
		Algorithm struct{ ID asn1.ObjectIdentifier }
		Key       asn1.BitString
	}{struct{ ID asn1.ObjectIdentifier }{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}}, asn1.BitString{
		Bytes: x509.MarshalPKCS1PublicKey(&mustRSA(t).PublicKey), BitLength: 8 * len(x509.MarshalPKCS1PublicKey(&mustRSA(t).PublicKey)),
	}})
	if err != nil {
		t.Fatal(err)
	}
	odd := edited(t, leaf, root.key.(*ecdsa.PrivateKey), func(f []asn1.RawValue) { f[fieldKey] = asn1.RawValue{FullBytes: public} })
	b := mustParse(t, pemOf(leaf.key, odd, root))
	if string(b.Leaf.RawSubjectPublicKeyInfo) != string(public) || b.Root == nil {
		t.Errorf("chain %s", names(b.Chain()))
	}
}
