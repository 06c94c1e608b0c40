package settings_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

const secretURL = "https://example-vault.vault.azure.net/secrets/"

// TestEncodeLimit checks the error for settings that are too long for a variable.
func TestEncodeLimit(t *testing.T) {
	var urls strings.Builder
	for i := range contract.MaxVariableBytes / len(secretURL) {
		fmt.Fprintf(&urls, "%sa%d,", secretURL, i)
	}
	in := input{ServiceAccount: map[string]string{contract.KeyCertificates: urls.String()}}
	r, err := settings.Resolve(in.sources(), settings.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = r.Encode(settings.Placement{})
	var e *settings.Error
	if !errors.As(err, &e) {
		t.Fatalf("got an error of type %T: %v", err, err)
	}
	if e.Annotation != prefix+contract.KeyCertificates || e.Level != settings.ServiceAccount ||
		!strings.Contains(e.Reason, "98304") || !strings.Contains(e.Reason, prefix+contract.KeySettingsConfigMap) {
		t.Errorf("got %v", e)
	}
}

// TestErrorsAreBounded checks that the message about hundreds of wrong entries fits into an event.
func TestErrorsAreBounded(t *testing.T) {
	in := input{Pod: map[string]string{contract.KeyCertificates: strings.Repeat("https://"+strings.Repeat("x", 1000)+"/secrets/a ", 500)}}
	_, err := settings.Resolve(in.sources(), settings.Options{})
	if err == nil {
		t.Fatal("got no error")
	}
	if got := err.Error(); len(got) > 8<<10 || !strings.HasSuffix(got, "and 490 more") {
		t.Errorf("got a message of %d bytes: %s", len(got), got)
	}
}
