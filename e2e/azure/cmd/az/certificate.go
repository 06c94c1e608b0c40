package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

// policy is the part of a certificate's policy that has an effect here.
type policy struct {
	Issuer struct {
		Name string `json:"name"`
	} `json:"issuerParameters"`
	Key struct {
		Exportable bool   `json:"exportable"`
		Type       string `json:"keyType"`
		Size       int    `json:"keySize"`
	} `json:"keyProperties"`
	X509 struct {
		Subject string `json:"subject"`
		Names   struct {
			DNS []string `json:"dnsNames"`
		} `json:"subjectAlternativeNames"`
	} `json:"x509CertificateProperties"`
}

// defaultPolicy is what "az keyvault certificate get-default-policy" prints.
func defaultPolicy() object {
	return object{
		"issuerParameters": object{"certificateTransparency": nil, "name": "Self"},
		"keyProperties":    object{"curve": nil, "exportable": true, "keySize": 2048, "keyType": "RSA", "reuseKey": true},
		"lifetimeActions": []object{{
			"action": object{"actionType": "AutoRenew"}, "trigger": object{"daysBeforeExpiry": 90},
		}},
		"secretProperties": object{"contentType": "application/x-pkcs12"},
		"x509CertificateProperties": object{
			"keyUsage": []string{"cRLSign", "dataEncipherment", "digitalSignature", "keyEncipherment", "keyAgreement", "keyCertSign"},
			"subject":  "CN=CLIGetDefaultPolicy", "validityInMonths": 12,
		},
	}
}

// certificateCreate creates a certificate, or its next version, if the one who is signed in may.
func certificateCreate(i *invocation) (any, error) {
	v, name := i.options["--vault-name"], i.options["--name"]
	there, err := found(i.state.Vaults, "Microsoft.KeyVault/vaults", v)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(there.Roles[user], roleCertificates) {
		return nil, fmt.Errorf("(Forbidden) Caller is not authorized to perform action on resource: "+
			"Action: 'Microsoft.KeyVault/vaults/certificates/create/action', Vault: %s;location=westeurope", v)
	}
	var p policy
	if err := json.Unmarshal([]byte(i.options["--policy"]), &p); err != nil {
		return nil, fmt.Errorf("%w: --policy: %w", errUsage, err)
	}
	if p.Issuer.Name != "Self" {
		return nil, fmt.Errorf("issuer %q is not played here", p.Issuer.Name)
	}
	_, err = i.emulator.CreateCertificate(i.ctx, azure.Certificate{
		Vault: hostOf(v), Name: name, CommonName: strings.TrimPrefix(p.X509.Subject, "CN="), DNSNames: p.X509.Names.DNS,
		Key: fmt.Sprintf("%s-%d", p.Key.Type, p.Key.Size), Chain: 1, NonExportable: !p.Key.Exportable,
	})
	target := "https://" + hostOf(v) + "/certificates/" + name
	return object{"id": target + "/pending", "name": name, "status": "completed", "target": target}, err
}
