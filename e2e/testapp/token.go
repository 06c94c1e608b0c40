package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// credentials are the credentials of the SDK that find all they need in what the webhook injects.
var credentials = map[string]func(azcore.ClientOptions) (azcore.TokenCredential, error){
	"managed-identity": func(o azcore.ClientOptions) (azcore.TokenCredential, error) {
		return azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ClientOptions: o})
	},
	"workload-identity": func(o azcore.ClientOptions) (azcore.TokenCredential, error) {
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{ClientOptions: o})
	},
	"default": func(o azcore.ClientOptions) (azcore.TokenCredential, error) {
		return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: o})
	},
}

// token gets a token for a resource with each credential, without a retry, and prints the tokens'
// claims, one line each.
func token(ctx context.Context, w io.Writer, args []string) error {
	if len(args) == 0 {
		return errors.New("usage: testapp token RESOURCE [CREDENTIAL...]")
	}
	names := args[1:]
	if len(names) == 0 {
		names = []string{"managed-identity"}
	}
	for _, name := range names {
		create, known := credentials[name]
		if !known {
			return fmt.Errorf("unknown credential %q: want managed-identity, workload-identity or default", name)
		}
		if err := tokenOf(ctx, w, args[0], create); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func tokenOf(ctx context.Context, w io.Writer, resource string, create func(azcore.ClientOptions) (azcore.TokenCredential, error)) error {
	c, err := create(azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}})
	if err != nil {
		return err
	}
	got, err := c.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{resource + "/.default"}})
	if err != nil {
		return err
	}
	parts := strings.Split(got.Token, ".")
	if len(parts) != 3 {
		return errors.New("the response is not a token")
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s\n", claims)
	return nil
}
