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

// token gets a token for a resource as an app with managed identity does, without a retry, and
// prints its claims.
func token(ctx context.Context, w io.Writer, args []string) error {
	if len(args) != 1 {
		return errors.New("usage: testapp token RESOURCE")
	}
	c, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
		ClientOptions: azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}},
	})
	if err != nil {
		return err
	}
	got, err := c.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{args[0] + "/.default"}})
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
