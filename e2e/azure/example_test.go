package azure_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// An ordinary HTTP client sends a request to a vault under its real name.
func ExampleNew() {
	e, err := azure.New(azure.Options{Config: azure.Config{
		Vaults:       []azure.Vault{{Host: "example.vault.azure.net", Tenant: "tenant"}},
		Certificates: []azure.Certificate{{Vault: "example.vault.azure.net", Name: "web"}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = e.Close() }()
	if _, err := e.Start(); err != nil {
		fmt.Println(err)
		return
	}
	client := e.Client()
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://example.vault.azure.net/secrets/web/?api-version=7.6", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close()
	fmt.Println(resp.Status)
	fmt.Println(resp.Header.Get("WWW-Authenticate"))
	// Output:
	// 401 Unauthorized
	// Bearer authorization="https://login.microsoftonline.com/tenant", resource="https://vault.azure.net"
}
