package admission

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/annotations"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/inject"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
)

// TestNoWorkAfterTheClientHasGone ends the context in each of the stages and checks that the next
// one does not begin.
func TestNoWorkAfterTheClientHasGone(t *testing.T) {
	stages := []string{"service account", "namespace", "ConfigMap", "the end"}
	for i, last := range stages[:3] {
		t.Run(last, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			reached := func(stage string) {
				if stage == last {
					cancel()
				} else if ctx.Err() != nil && (stage != "namespace" || i > 0) {
					t.Errorf("reached %s after the end", stage)
				}
			}
			c := testConfig()
			account, options := c.ServiceAccount, c.Options
			c.ServiceAccount = func(ctx context.Context, namespace, name string) (map[string]string, error) {
				reached("service account")
				return account(ctx, namespace, name)
			}
			c.Namespace = func(context.Context, string, string) (map[string]string, error) {
				reached("namespace")
				return nil, nil
			}
			c.ConfigMap = func(context.Context, string, string) (*settings.ConfigMap, error) {
				reached("ConfigMap")
				return &settings.ConfigMap{Data: map[string]string{"settings.json": "{"}}, nil
			}
			c.Options = func() *inject.Options {
				reached("options")
				return options()
			}
			review := sampleReview(t, contract.KeyCertificates+`":"https://vault-one.vault.azure.net/secrets/c1"`,
				contract.KeySettingsConfigMap+`":"web-certs"`)
			decoded, err := decode([]byte(review))
			if err != nil {
				t.Fatal(err)
			}
			// The settings are invalid: an error about them would show that they were parsed.
			if _, err := c.mutate(ctx, decoded.pod); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestBusyAndTimeoutAreNamed(t *testing.T) {
	for _, test := range []struct {
		err  error
		code int
		text string
	}{
		{fmt.Errorf("reading: %w", annotations.ErrBusy), http.StatusTooManyRequests, "retry in a second"},
		{fmt.Errorf("reading: %w", context.DeadlineExceeded), http.StatusGatewayTimeout, "deadline"},
	} {
		c := testConfig()
		c.ServiceAccount = func(context.Context, string, string) (map[string]string, error) { return nil, test.err }
		w := post(testHandler(c), sampleReview(t))
		if w.Code != test.code || !strings.Contains(w.Body.String(), test.text) {
			t.Errorf("HTTP %d: %s", w.Code, w.Body)
		}
		if busy := test.code == http.StatusTooManyRequests; busy != (w.Header().Get("Retry-After") == "1") {
			t.Errorf("Retry-After %q with HTTP %d", w.Header().Get("Retry-After"), w.Code)
		}
	}
}
