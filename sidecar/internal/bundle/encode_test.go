package bundle_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/bundle"
)

// blocks lists the blocks of a PEM file: certificates by common name, other blocks by type.
func blocks(t *testing.T, data []byte) (out []string) {
	t.Helper()
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		data = rest
		label := block.Type
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			label = cert.Subject.CommonName
		}
		out = append(out, label)
	}
	if len(data) > 0 {
		t.Errorf("%d bytes outside of the blocks", len(data))
	}
	return out
}

func TestPEMLayout(t *testing.T) {
	chain := chainOf(t, 2)
	b := mustParse(t, pemOf(chain[0].key, chain[3], chain[2], chain[1], chain[0]))
	want := []string{"leaf.example", "CA B", "CA A", "Root", "PRIVATE KEY"}
	if diff := cmp.Diff(want, blocks(t, b.PEM())); diff != "" {
		t.Errorf("PEM (-want +got):\n%s", diff)
	}
	again := mustParse(t, string(b.PEM()))
	if !bytes.Equal(again.PEM(), b.PEM()) {
		t.Error("the PEM output parses to a different bundle")
	}
}

func TestSplit(t *testing.T) {
	chain := chainOf(t, 1)
	leaf, ca, root := chain[0], chain[1], chain[2]
	tests := []struct {
		name    string
		value   string
		crt, ca []string
	}{
		{"with root", pemOf(leaf.key, leaf, ca, root), []string{"leaf.example", "CA A"}, []string{"Root"}},
		{"without root", pemOf(leaf.key, leaf, ca), []string{"leaf.example", "CA A"}, []string{"CA A"}},
		{"leaf alone", pemOf(leaf.key, leaf), []string{"leaf.example"}, nil},
		{"self-signed", pemOf(root.key, root), []string{"Root"}, []string{"Root"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := mustParse(t, tt.value).Split()
			if diff := cmp.Diff(tt.crt, blocks(t, files[bundle.SplitCertificate])); diff != "" {
				t.Errorf("tls.crt (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"PRIVATE KEY"}, blocks(t, files[bundle.SplitKey])); diff != "" {
				t.Errorf("tls.key (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.ca, blocks(t, files[bundle.SplitCA])); diff != "" {
				t.Errorf("ca.crt (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKeystoresReadBack(t *testing.T) {
	chain := chainOf(t, 1)
	b := mustParse(t, pemOf(chain[0].key, chain[0], chain[1], chain[2]))
	const password = "changeit"

	container, err := b.PKCS12(password)
	if err != nil {
		t.Fatal(err)
	}
	key, first, others, err := pkcs12.DecodeChain(container, password)
	if err != nil {
		t.Fatal(err)
	}
	if got := append([]*x509.Certificate{first}, others...); names(got) != names(b.Chain()) || !bytes.Equal(pkcs8(key), pkcs8(b.Key)) {
		t.Errorf("the PKCS #12 container has the chain %s or a different key, want %s", names(got), names(b.Chain()))
	}

	jks, err := b.JKS(password)
	if err != nil {
		t.Fatal(err)
	}
	store := keystore.New()
	if err := store.Load(bytes.NewReader(jks), []byte(password)); err != nil {
		t.Fatal(err)
	}
	entry, err := store.GetPrivateKeyEntry(bundle.KeystoreAlias, []byte(password))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(entry.PrivateKey, pkcs8(b.Key)) || len(entry.CertificateChain) != 3 || !bytes.Equal(entry.CertificateChain[0].Content, b.Leaf.Raw) {
		t.Error("the JKS keystore has a different key or chain")
	}
}

func TestKeystoresAreReproducible(t *testing.T) {
	leaf := issue(t, "leaf", nil)
	b, same := mustParse(t, pemOf(leaf.key, leaf)), mustParse(t, pemOf(leaf, leaf.key))
	renewed := certify(t, "leaf", leaf.key, nil)
	next := mustParse(t, pemOf(leaf.key, renewed))
	for format, encode := range map[string]func(*bundle.Bundle, string) ([]byte, error){
		"PKCS #12": (*bundle.Bundle).PKCS12, "JKS": (*bundle.Bundle).JKS,
	} {
		t.Run(format, func(t *testing.T) {
			one, err := encode(b, "changeit")
			if err != nil {
				t.Fatal(err)
			}
			two, err := encode(same, "changeit")
			if err != nil || !bytes.Equal(one, two) {
				t.Errorf("the same input gives different bytes (error %v)", err)
			}
			for _, other := range []struct {
				b        *bundle.Bundle
				password string
			}{{b, "changeit2"}, {next, "changeit"}} {
				data, err := encode(other.b, other.password)
				if err != nil || bytes.Equal(one, data) {
					t.Errorf("a different password or certificate gives the same bytes (error %v)", err)
				}
			}
		})
	}
}

func TestKeystorePasswords(t *testing.T) {
	leaf := issue(t, "leaf", nil)
	b := mustParse(t, pemOf(leaf.key, leaf))
	for _, password := range []string{"", "pässword", "tab\tpass", "new\nline"} {
		for _, encode := range []func(string) ([]byte, error){b.PKCS12, b.JKS} {
			_, err := encode(password)
			var e *bundle.Error
			if !errors.As(err, &e) || e.Reason != bundle.BadPassword {
				t.Errorf("password %q: got error %v, want one with the reason %s", password, err, bundle.BadPassword)
			} else if password != "" && strings.Contains(e.Error(), password) {
				t.Errorf("the error contains the password: %v", e)
			}
		}
	}
}

// TestConsumers checks that the programs that the files are for can read them.
func TestConsumers(t *testing.T) {
	for _, program := range []string{"openssl", "keytool"} {
		if _, err := exec.LookPath(program); err != nil && testing.Short() {
			t.Skipf("needs %s", program)
		}
	}
	root := issue(t, "Root", nil)
	ca := issue(t, "CA", root)
	for kind, leaf := range map[string]*entity{
		"EC":  issue(t, "leaf", ca, notCA),
		"RSA": certify(t, "leaf", mustRSA(t), ca, notCA),
	} {
		t.Run(kind, func(t *testing.T) {
			b := mustParse(t, pemOf(leaf.key, root, ca, leaf))
			dir := t.TempDir()
			write := func(name string, data []byte, err error) string {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			split := b.Split()
			full := write("full.pem", b.PEM(), nil)
			crt, caFile := write("tls.crt", split["tls.crt"], nil), write("ca.crt", split["ca.crt"], nil)
			container, err := b.PKCS12("changeit")
			p12File := write("a.p12", container, err)
			store, err := b.JKS("changeit")
			jksFile := write("a.jks", store, err)

			run(t, "OK", "openssl", "verify", "-CAfile", caFile, "-untrusted", crt, crt)
			run(t, "Key is valid", "openssl", "pkey", "-in", full, "-check", "-noout")
			if _, err := tls.LoadX509KeyPair(full, full); err != nil {
				t.Errorf("cannot load the PEM file as certificate and key of a server: %v", err)
			}
			run(t, "subject=CN = leaf", "openssl", "pkcs12", "-in", p12File, "-passin", "pass:changeit", "-nokeys")
			run(t, "alias name: 1|chain length: 3", "keytool", "-list", "-v", "-keystore", p12File, "-storepass", "changeit")
			run(t, "alias name: certificate|chain length: 3", "keytool", "-list", "-v", "-keystore", jksFile, "-storepass", "changeit", "-storetype", "JKS")
			// Only -importkeystore reads the key, too.
			run(t, "", "keytool", "-importkeystore", "-noprompt", "-srckeystore", jksFile, "-srcstorepass", "changeit",
				"-destkeystore", filepath.Join(dir, "b.p12"), "-deststoretype", "PKCS12", "-deststorepass", "changeit")
			run(t, "subject=CN = leaf", "openssl", "pkcs12", "-in", filepath.Join(dir, "b.p12"), "-passin", "pass:changeit", "-nokeys")
		})
	}
}

// run checks that the program succeeds and that its output contains every text of want, which
// separates the texts by |.
func run(t *testing.T, want, program string, args ...string) {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s %s: %v:\n%s", program, strings.Join(args, " "), err, out)
	}
	for _, text := range strings.Split(want, "|") {
		if !bytes.Contains(bytes.ToLower(out), bytes.ToLower([]byte(text))) {
			t.Errorf("%s %s: the output lacks %q:\n%s", program, strings.Join(args, " "), text, out)
		}
	}
}
