package azure_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

const (
	tenant    = "11111111-2222-3333-4444-555555555555"
	clientID  = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	issuerURL = "https://cluster.example"
	subject   = "system:serviceaccount:default:app"
	vaultHost = "examplevault.vault.azure.net"
)

// cluster issues the assertions of most tests. They share it because creating an RSA key takes
// time.
var cluster = sync.OnceValues(func() (*azure.TokenIssuer, error) { return azure.NewTokenIssuer(issuerURL) })

// fixture is a running emulator with one identity that may read one vault.
type fixture struct {
	*azure.Emulator
	t      *testing.T
	issuer *azure.TokenIssuer
	// cloud is the cloud of the credential, and assertion what it presents.
	cloud     cloud.Configuration
	assertion azure.Assertion
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := stoppedFixture(t)
	_, err := f.Start()
	check(t, err)
	return f
}

// inBubble runs a test in a synctest bubble, with an emulator in memory.
func inBubble(t *testing.T, test func(*fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := stoppedFixture(t)
		f.StartInMemory()
		test(f)
	})
}

func stoppedFixture(t *testing.T) *fixture {
	t.Helper()
	issuer, err := cluster()
	check(t, err)
	e, err := azure.New(azure.Options{Config: azure.Config{
		Issuers: []azure.Issuer{issuer.Config()},
		Applications: []azure.Application{{
			ClientID: clientID, Tenant: tenant,
			FederatedCredentials: []azure.FederatedCredential{{Issuer: issuerURL, Subject: subject}},
		}},
		Vaults: []azure.Vault{{Host: vaultHost, Tenant: tenant}},
		Grants: []azure.Grant{{Vault: vaultHost, ClientID: clientID}},
	}})
	check(t, err)
	t.Cleanup(func() { check(t, e.Close()) })
	return &fixture{Emulator: e, t: t, issuer: issuer, cloud: cloud.AzurePublic, assertion: azure.Assertion{Subject: subject}}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// options returns production settings, except the transport and the retries, which would disturb
// the tests' counts.
func (f *fixture) options() policy.ClientOptions {
	client := f.Client()
	f.t.Cleanup(client.CloseIdleConnections)
	return policy.ClientOptions{Cloud: f.cloud, Transport: client, Retry: policy.RetryOptions{MaxRetries: -1}}
}

func (f *fixture) credential(client string) azcore.TokenCredential {
	f.t.Helper()
	cred, err := azidentity.NewClientAssertionCredential(tenant, client,
		func(context.Context) (string, error) { return f.issuer.Sign(f.assertion) },
		&azidentity.ClientAssertionCredentialOptions{ClientOptions: f.options(), DisableInstanceDiscovery: true})
	check(f.t, err)
	return cred
}

func (f *fixture) secrets(host string) *azsecrets.Client {
	f.t.Helper()
	c, err := azsecrets.NewClient("https://"+host, f.credential(clientID), &azsecrets.ClientOptions{ClientOptions: f.options()})
	check(f.t, err)
	return c
}
