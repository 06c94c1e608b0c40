package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

func apply(c *invocation, args []string) error {
	client, err := c.connect(args, 1)
	if err != nil {
		return err
	}
	var data []byte
	if file := c.flags.Arg(0); file == "-" {
		data, err = io.ReadAll(c.stdin)
	} else {
		data, err = os.ReadFile(file)
	}
	if err != nil {
		return err
	}
	config, err := azure.ParseConfig(data)
	if err != nil {
		return err
	}
	return client.Apply(c.ctx, config)
}

// create creates one object of a kind, with the flags of that kind. For fields without a flag, use
// apply.
func create(c *invocation, args []string) error {
	kinds := map[string]func(*invocation, []string) error{
		"vault": createVault, "certificate": createCertificate, "secret": createSecret,
		"application": createApplication, "grant": createGrant,
	}
	if len(args) == 0 || kinds[args[0]] == nil {
		return c.misused("want vault, certificate, secret, application or grant")
	}
	return kinds[args[0]](c, args[1:])
}

func createVault(c *invocation, args []string) error {
	var v azure.Vault
	c.flags.StringVar(&v.Host, "host", "", "`host` name, e.g. example.vault.azure.net")
	c.flags.StringVar(&v.Tenant, "tenant", "", "tenant `ID`")
	c.flags.StringVar(&v.Denial, "denial", "", "inner `code` for callers without a grant")
	c.flags.BoolVar(&v.Firewall, "firewall", false, "deny every caller with ForbiddenByFirewall")
	client, err := c.connect(args, 0)
	if err != nil {
		return err
	}
	return client.Apply(c.ctx, azure.Config{Vaults: []azure.Vault{v}})
}

func createCertificate(c *invocation, args []string) error {
	var cert azure.Certificate
	secretFlags(c, &cert.Vault, &cert.Name)
	c.flags.StringVar(&cert.CommonName, "common-name", "", "common `name`; default: the certificate's name")
	listFlag(c, &cert.DNSNames, "dns", "DNS `name`; may be given more than once")
	listFlag(c, &cert.IPAddresses, "ip", "IP `address`; may be given more than once")
	c.flags.StringVar(&cert.Key, "key", azure.ECP256, "`type`: EC-P256, EC-P384, RSA-2048 or RSA-4096")
	c.flags.IntVar(&cert.Chain, "chain", 3, "`number` of certificates from leaf to root, 1 to 4")
	c.flags.BoolVar(&cert.OmitRoot, "omit-root", false, "omit the root from the value")
	c.flags.StringVar(&cert.Encoding, "encoding", azure.PKCS12AES, "`encoding`: pkcs12-aes, pkcs12-3des, pkcs12-rc2 or pem")
	c.flags.StringVar(&cert.Order, "order", "", "`order`: leaf-first, root-first or shuffled; default: Key Vault's own")
	c.flags.BoolVar(&cert.NonExportable, "non-exportable", false, "omit the private key from the value")
	validityFlags(c, &cert.NotBefore, &cert.NotAfter)
	client, err := c.connect(args, 0)
	if err != nil {
		return err
	}
	version, err := client.CreateCertificate(c.ctx, cert)
	return printResult(c, version, err)
}

func createSecret(c *invocation, args []string) error {
	var s azure.Secret
	secretFlags(c, &s.Vault, &s.Name)
	c.flags.StringVar(&s.Value, "value", "", "`text` of the secret")
	c.flags.StringVar(&s.ContentType, "content-type", "", "content `type`")
	c.flags.BoolVar(&s.Managed, "managed", false, "give it the attributes of an imported certificate's secret")
	client, err := c.connect(args, 0)
	if err != nil {
		return err
	}
	version, err := client.CreateSecret(c.ctx, s)
	return printResult(c, version, err)
}

func createApplication(c *invocation, args []string) error {
	var a azure.Application
	var f azure.FederatedCredential
	c.flags.StringVar(&a.ClientID, "client-id", "", "client `ID`")
	c.flags.StringVar(&a.Tenant, "tenant", "", "tenant `ID`")
	c.flags.StringVar(&f.Issuer, "issuer", "", "`URL` of the federated credential's issuer")
	c.flags.StringVar(&f.Subject, "subject", "", "its `subject`: system:serviceaccount:NAMESPACE:NAME")
	c.flags.StringVar(&f.Audience, "audience", "", "its `audience`; default api://AzureADTokenExchange")
	client, err := c.connect(args, 0)
	if err != nil {
		return err
	}
	if f != (azure.FederatedCredential{}) {
		a.FederatedCredentials = []azure.FederatedCredential{f}
	}
	return client.Apply(c.ctx, azure.Config{Applications: []azure.Application{a}})
}

func createGrant(c *invocation, args []string) error {
	g := grantFlags(c)
	client, err := c.connect(args, 0)
	if err != nil {
		return err
	}
	return client.Apply(c.ctx, azure.Config{Grants: []azure.Grant{*g}})
}

func revoke(c *invocation, args []string) error {
	g := grantFlags(c)
	client, err := c.connect(args, 0)
	if err != nil {
		return err
	}
	return client.Revoke(c.ctx, *g)
}

func grantFlags(c *invocation) *azure.Grant {
	var g azure.Grant
	c.flags.StringVar(&g.Vault, "vault", "", "`host` name of the vault")
	c.flags.StringVar(&g.ClientID, "client-id", "", "client `ID`")
	c.flags.StringVar(&g.Secret, "secret", "", "`name` of the only secret of the grant; default: all")
	return &g
}

func secretFlags(c *invocation, vault, name *string) {
	c.flags.StringVar(vault, "vault", "", "`host` name of the vault")
	c.flags.StringVar(name, "name", "", "`name` of the secret")
}

func validityFlags(c *invocation, notBefore, notAfter *time.Time) {
	c.flags.TextVar(notBefore, "not-before", time.Time{}, "`time` (RFC 3339); default: ten minutes ago")
	c.flags.TextVar(notAfter, "not-after", time.Time{}, "`time` (RFC 3339); default: a year after not-before")
}

// listFlag adds each value of a flag to list. A value may contain several elements, separated by
// commas.
func listFlag(c *invocation, list *[]string, name, usage string) {
	c.flags.Func(name, usage, func(value string) error {
		for item := range strings.SplitSeq(value, ",") {
			if item == "" {
				return fmt.Errorf("empty element in %q", value)
			}
			*list = append(*list, item)
		}
		return nil
	})
}
