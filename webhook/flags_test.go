package main

import (
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAzureEnvironment(t *testing.T) {
	for name, want := range map[string]string{
		"":                       "https://login.microsoftonline.com/",
		"AzurePublicCloud":       "https://login.microsoftonline.com/",
		"AzureCloud":             "https://login.microsoftonline.com/",
		"AzureChinaCloud":        "https://login.chinacloudapi.cn/",
		"AZUREUSGOVERNMENT":      "https://login.microsoftonline.us/",
		"AzureUSGovernmentCloud": "https://login.microsoftonline.us/",
	} {
		environment := map[string]string{"AZURE_ENVIRONMENT": name, "POD_NAMESPACE": "system", "AZURE_TENANT_ID": "tenant"}
		o, err := parseFlags([]string{"--sidecar-image=i"}, func(k string) string { return environment[k] }, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if o.authorityHost != want || o.namespace != "system" || o.tenantID != "tenant" {
			t.Errorf("%q: got authority host %q, namespace %q, tenant %q", name, o.authorityHost, o.namespace, o.tenantID)
		}
	}
}

func TestLists(t *testing.T) {
	noVariables := func(string) string { return "" }
	o, err := parseFlags([]string{
		"--namespace=n", "--sidecar-image=i", "--sidecar-start-after= a, b,", "--allowed-vaults=",
		"--default=inject=false", "--default=settings={\"a\":\"b=c\"}", "--sidecar-env=HTTPS_PROXY=http://proxy:3128",
		"--default=polling-interval=600",
	}, noVariables, io.Discard)
	if o == nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(list{"a", "b"}, o.startAfter); diff != "" {
		t.Error(diff)
	}
	if o.allowedVaults != nil {
		t.Errorf("allowed vaults: got %q, want nil, which means the default", o.allowedVaults)
	}
	want := map[string]string{"inject": "false", "settings": `{"a":"b=c"}`, "polling-interval": "600"}
	if diff := cmp.Diff(want, o.defaultMap()); diff != "" {
		t.Error(diff)
	}
	if env := o.injectOptions().Env; len(env) != 1 || env[0].Name != "HTTPS_PROXY" || env[0].Value != "http://proxy:3128" {
		t.Errorf("variables of the sidecar: got %v", env)
	}
}
