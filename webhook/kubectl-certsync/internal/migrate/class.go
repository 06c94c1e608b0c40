package migrate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const (
	kindClass     = "SecretProviderClass"
	providerAzure = "azure"
)

// class has the fields of a SecretProviderClass that are read.
//
// Source: https://azure.github.io/secrets-store-csi-driver-provider-azure/docs/getting-started/usage/
type class struct {
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec struct {
		Provider      string            `json:"provider"`
		Parameters    map[string]string `json:"parameters"`
		SecretObjects []struct {
			SecretName string `json:"secretName"`
		} `json:"secretObjects"`
	} `json:"spec"`
}

// object is an element of the parameter objects.
type object struct {
	Name           string `json:"objectName"`
	Type           string `json:"objectType"`
	Version        string `json:"objectVersion"`
	VersionHistory int    `json:"objectVersionHistory"`
	Alias          string `json:"objectAlias"`
	Format         string `json:"objectFormat"`
	Encoding       string `json:"objectEncoding"`
	FilePermission string `json:"filePermission"`
}

// vaultSuffixes are the DNS suffixes of vaults by cloudName.
var vaultSuffixes = map[string]string{
	"": "vault.azure.net", "azurepubliccloud": "vault.azure.net", "azurechinacloud": "vault.azure.cn",
	"azureusgovernment": "vault.usgovcloudapi.net", "azureusgovernmentcloud": "vault.usgovcloudapi.net",
}

// fromClass converts a SecretProviderClass. Certificates whose files keep a special name need the
// settings object; all others only their URL.
func fromClass(source []byte, o Options) (*Result, error) {
	var c class
	if err := yaml.Unmarshal(source, &c); err != nil {
		return nil, fmt.Errorf("SecretProviderClass: %w", err)
	}
	if c.Spec.Provider != providerAzure {
		return nil, fmt.Errorf("SecretProviderClass %s: the provider is %q: only %q reads from Key Vault", c.Metadata.Name, c.Spec.Provider, providerAzure)
	}
	p := c.Spec.Parameters
	suffix, known := vaultSuffixes[strings.ToLower(p["cloudName"])]
	switch {
	case p["keyvaultName"] == "":
		return nil, fmt.Errorf("SecretProviderClass %s: parameters.keyvaultName is missing", c.Metadata.Name)
	case !known:
		return nil, fmt.Errorf("SecretProviderClass %s: parameters.cloudName: %q is not a cloud with Key Vault", c.Metadata.Name, p["cloudName"])
	}
	objects, err := parseObjects(p["objects"])
	if err != nil {
		return nil, fmt.Errorf("SecretProviderClass %s: parameters.objects: %w", c.Metadata.Name, err)
	}
	r := &Result{Annotations: map[string]string{}, ServiceAccount: map[string]string{}}
	s := &contract.Settings{}
	for _, object := range objects {
		r.addObject(s, object, "https://"+p["keyvaultName"]+"."+suffix)
	}
	if len(s.SecretsManagement.ObservedCertificates) == 0 {
		return nil, fmt.Errorf("SecretProviderClass %s: none of its objects can be a certificate", c.Metadata.Name)
	}
	r.addIdentity(p)
	for _, secret := range c.Spec.SecretObjects {
		r.note("secretObjects: the Kubernetes Secret %q is not created: let the app read the files", secret.SecretName)
	}
	r.note("the files are in %s, and no longer in the mount of the CSI volume: change the app's paths, and remove the volume and its mounts",
		contract.DefaultStoreLocation)
	if _, warnings, err := s.Validate(contract.Rules{Mode: contract.Pod, AllowedVaults: o.AllowedVaults}); err != nil {
		return nil, fmt.Errorf("SecretProviderClass %s: %w", c.Metadata.Name, err)
	} else if len(warnings) > 0 {
		r.Notes = append(r.Notes, warnings...)
	}
	return r, r.addSettings(s)
}

// parseObjects parses the parameter objects: YAML with an array of YAML texts, or one with objects.
func parseObjects(text string) (objects []object, err error) {
	var outer struct {
		Array []json.RawMessage `json:"array"`
	}
	if err := yaml.Unmarshal([]byte(text), &outer); err != nil {
		return nil, err
	}
	if len(outer.Array) == 0 {
		return nil, fmt.Errorf("has no array with objects")
	}
	for i, raw := range outer.Array {
		var inner string
		if json.Unmarshal(raw, &inner) == nil {
			raw = []byte(inner)
		}
		var o object
		if err := yaml.Unmarshal(raw, &o); err != nil {
			return nil, fmt.Errorf("object %d: %w", i+1, err)
		}
		if o.Name == "" {
			return nil, fmt.Errorf("object %d: objectName is missing", i+1)
		}
		objects = append(objects, o)
	}
	return objects, nil
}

func (r *Result) addObject(s *contract.Settings, o object, vault string) {
	switch o.Type {
	case "cert":
		r.note("%s: objectType cert has only the certificate; the file now also has its private key", o.Name)
	case "key":
		r.note("%s: keys are not supported: it is left out", o.Name)
		return
	case "secret":
		r.note("%s: objectType secret: it must be a certificate of Key Vault; other secrets are not supported", o.Name)
	default:
		r.note("%s: objectType %q is not known: it is left out", o.Name, o.Type)
		return
	}
	url := vault + "/secrets/" + o.Name
	if o.Version != "" {
		url += "/" + o.Version
	}
	entry := contract.ObservedCertificate{URL: url}
	if o.Alias != "" && o.Alias != o.Name {
		entry.CustomSymbolicLinkName = o.Alias
	}
	if strings.EqualFold(o.Format, "pfx") {
		entry.Formats = []string{contract.FormatPEM, contract.FormatPKCS12}
		r.note("%s: objectFormat pfx: the keystore is the file with the suffix .p12, with the password %q", o.Name, contract.DefaultKeystorePass)
	}
	if o.Encoding != "" && o.Encoding != "utf-8" {
		r.note("%s: objectEncoding %s has no effect: files are PEM", o.Name, o.Encoding)
	}
	if o.VersionHistory > 1 {
		r.note("%s: objectVersionHistory has no effect: the current and the previous version are kept", o.Name)
	}
	if o.FilePermission != "" {
		if _, err := strconv.ParseUint(o.FilePermission, 8, 32); err == nil {
			s.SecretsManagement.FileMode = o.FilePermission
			r.note("%s: filePermission %s applies to all certificates of the pod", o.Name, o.FilePermission)
		}
	}
	if !slices.ContainsFunc(s.SecretsManagement.ObservedCertificates, func(c contract.ObservedCertificate) bool { return c.URL == url }) {
		s.SecretsManagement.ObservedCertificates = append(s.SecretsManagement.ObservedCertificates, entry)
	}
}

func (r *Result) addIdentity(p map[string]string) {
	if id := p["clientID"]; id != "" {
		r.ServiceAccount[contract.AnnotationClientID] = id
	}
	if id := p["tenantId"]; id != "" {
		r.ServiceAccount[contract.AnnotationTenantID] = id
	} else if id := p["tenantID"]; id != "" {
		r.ServiceAccount[contract.AnnotationTenantID] = id
	}
	switch {
	case p["useVMManagedIdentity"] == "true":
		r.Annotations[contract.Prefix+contract.KeyCredential] = contract.CredentialManagedIdentity
		if id := p["userAssignedIdentityID"]; id != "" {
			r.note("useVMManagedIdentity: give the identity %s a federated credential for the service account and annotate that with %s; "+
				"or keep the node's identity by the annotation credential, with msiClientId in the settings", id, contract.AnnotationClientID)
		}
	case p["usePodIdentity"] == "true":
		r.note("usePodIdentity: pod identity is retired: create a federated credential, and annotate the service account with %s", contract.AnnotationClientID)
	case p["clientID"] == "":
		r.note("no identity: with a service principal in a Secret (nodePublishSecretRef) or none, create a federated credential, and annotate "+
			"the service account with %s", contract.AnnotationClientID)
	}
}

// addSettings adds the annotation certificates if URLs are enough, and otherwise settings.
func (r *Result) addSettings(s *contract.Settings) error {
	var urls []string
	simple := true
	for _, c := range s.SecretsManagement.ObservedCertificates {
		urls = append(urls, c.URL)
		simple = simple && c.CustomSymbolicLinkName == "" && c.Formats == nil
	}
	if simple {
		r.Annotations[contract.Prefix+contract.KeyCertificates] = strings.Join(urls, ",")
		if mode := s.SecretsManagement.FileMode; mode != "" {
			r.Annotations[contract.Prefix+contract.KeyFileMode] = mode
		}
		return nil
	}
	text, err := s.Encode()
	if err != nil {
		return err
	}
	r.Annotations[contract.Prefix+contract.KeySettings] = string(text)
	return nil
}
