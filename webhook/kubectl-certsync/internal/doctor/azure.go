package doctor

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

func entra(f *Facts) Link {
	if f.Status.Status == nil {
		return unknown("only the sidecar knows")
	}
	c := f.failing(contract.ReasonNoToken)
	if c == nil {
		c = f.failingAtHost(true)
	}
	switch {
	case c == nil && !f.hasToken():
		return unknown("no token was requested yet: the sidecar contacts the vault first")
	case c == nil && f.managedIdentity():
		return ok("the metadata service issues tokens for the managed identity")
	case c == nil:
		return ok("Entra ID issues tokens for client ID %s", f.clientID())
	}
	return broken(f.mendEntra(c.Failure), "%s", c.Failure.Message)
}

// hasToken reports whether a vault has responded to a token.
func (f *Facts) hasToken() bool {
	return slices.ContainsFunc(f.Status.Status.Certificates, func(c contract.CertificateStatus) bool {
		return c.LastSuccess != nil || c.Failure != nil && slices.Contains([]string{
			contract.ReasonForbidden, contract.ReasonNotFound, contract.ReasonDisabled, contract.ReasonInvalid, contract.ReasonStore,
		}, c.Failure.Reason)
	}) || len(f.Status.Status.Certificates) == 0
}

// codeUnknownApplication is the error of Entra ID for a client ID that the tenant does not have.
const codeUnknownApplication = "AADSTS700016"

func (f *Facts) mendEntra(failure *contract.Failure) string {
	switch {
	case f.managedIdentity():
		return "az vmss identity assign --resource-group <node resource group> --name <scale set> --identities <resource ID of the identity>"
	case failure.Reason != contract.ReasonNoToken:
		return "" // the network: the message names the remedy
	case failure.Code == codeUnknownApplication:
		return fmt.Sprintf("kubectl annotate serviceaccount %s --namespace %s --overwrite %s=\"$(az identity show --resource-group <group> "+
			"--name <identity> --query clientId --output tsv)\"", f.account(), f.Pod.Namespace, contract.AnnotationClientID)
	case strings.HasPrefix(failure.Code, "AADSTS7002"):
		return f.federatedCredential(failure)
	}
	return ""
}

// federatedCredential returns the command that lets the identity trust the pod's service account.
//
// Source: https://learn.microsoft.com/cli/azure/identity/federated-credential#az-identity-federated-credential-create
func (f *Facts) federatedCredential(failure *contract.Failure) string {
	client := cmp.Or(failure.ClientID, f.clientID())
	find := func(field string) string {
		return fmt.Sprintf(`"$(az identity list --query "[?clientId=='%s'].%s" --output tsv)"`, client, field)
	}
	// The token itself has the values that Entra ID compares.
	claims := contract.TokenClaims{
		Issuer: f.Issuer, Subject: fmt.Sprintf("system:serviceaccount:%s:%s", f.Pod.Namespace, f.account()), Audience: f.audience(),
	}
	if failure.Token != nil {
		claims = *failure.Token
	}
	issuer := fmt.Sprintf("%q", claims.Issuer)
	if claims.Issuer == "" {
		issuer = `"$(az aks show --resource-group <group> --name <cluster> --query oidcIssuerProfile.issuerUrl --output tsv)"`
	}
	return fmt.Sprintf("az identity federated-credential create --name %s-%s --identity-name %s --resource-group %s --issuer %s --subject %s --audiences %s",
		f.Pod.Namespace, f.account(), find("name"), find("resourceGroup"), issuer, claims.Subject, cmp.Or(claims.Audience, contract.DefaultTokenAudience))
}

func (f *Facts) clientID() string {
	if id := f.variable(contract.EnvClientID); id != "" || f.Account == nil {
		return id
	}
	return f.Account.Annotations[contract.AnnotationClientID]
}

func vault(f *Facts) Link {
	if f.Status.Status == nil {
		return unknown("only the sidecar knows")
	}
	c := f.failing(contract.ReasonForbidden, contract.ReasonNotFound, contract.ReasonDisabled)
	if c == nil {
		c = f.failingAtHost(false)
	}
	if c == nil {
		return ok("the vault returns every certificate")
	}
	name, secret := vaultAndName(c.URL)
	fix := ""
	switch failure := c.Failure; {
	case failure.Reason == contract.ReasonForbidden && strings.HasPrefix(failure.Code, "ForbiddenByFirewall"),
		failure.Reason == contract.ReasonForbidden && strings.HasPrefix(failure.Code, "ForbiddenByConnection"):
		fix = fmt.Sprintf("az keyvault network-rule add --name %s --ip-address <outbound address of the cluster>", name)
	case failure.Reason == contract.ReasonForbidden:
		fix = fmt.Sprintf("az role assignment create --role \"Key Vault Secrets User\" --assignee %s "+
			"--scope \"$(az keyvault show --name %s --query id --output tsv)\"", cmp.Or(c.Failure.ClientID, f.clientID(), "<client ID>"), name)
	case failure.Reason == contract.ReasonNotFound:
		fix = fmt.Sprintf("az keyvault certificate create --vault-name %s --name %s --policy \"$(az keyvault certificate get-default-policy)\"", name, secret)
	case failure.Reason == contract.ReasonDisabled:
		fix = fmt.Sprintf("az keyvault certificate set-attributes --vault-name %s --name %s --enabled true", name, secret)
	}
	return broken(fix, "%s", c.Failure.Message)
}

// failingAtHost returns the first certificate that failed because a host did not respond or
// throttled: Entra ID, or else the vault.
func (f *Facts) failingAtHost(atEntra bool) *contract.CertificateStatus {
	for i := range f.Status.Status.Certificates {
		c := &f.Status.Status.Certificates[i]
		if c.Failure == nil || c.Failure.Reason != contract.ReasonUnreachable && c.Failure.Reason != contract.ReasonThrottled {
			continue
		}
		u, err := url.Parse(c.URL)
		if atVault := err == nil && strings.EqualFold(u.Host, c.Failure.Host); atVault != atEntra {
			return c
		}
	}
	return nil
}

// vaultAndName returns the names of the vault and of the secret in a secret's URL.
func vaultAndName(text string) (vault, name string) {
	u, err := url.Parse(text)
	if err != nil {
		return "<vault>", "<name>"
	}
	vault, _, _ = strings.Cut(u.Host, ".")
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) < 2 {
		return vault, "<name>"
	}
	return vault, parts[1]
}

func store(f *Facts) Link {
	s := f.Status.Status
	if s == nil {
		return unknown("only the sidecar knows")
	}
	if c := f.failing(contract.ReasonInvalid, contract.ReasonStore, contract.ReasonOther); c != nil {
		return broken("", "%s", c.Failure.Message)
	}
	for _, c := range s.Certificates {
		if c.Version == "" {
			return unknown("%s is not in the store yet: %s", c.URL, s.Reason)
		}
	}
	if s.State == "error" {
		return broken("", "%s", s.Reason)
	}
	return ok("%s", s.Reason)
}
