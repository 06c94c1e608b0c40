package migrate

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Options are what the source does not say.
type Options struct {
	// Name is the name of the ConfigMap; Namespace may be empty.
	Name, Namespace string
	// AllowedVaults are those of the cluster; nil means Azure's clouds.
	AllowedVaults []string
}

// Result is the converted configuration.
type Result struct {
	// Manifest has Kubernetes objects in YAML, or is empty.
	Manifest string
	// Annotations belong on the pod, its template, its service account or its namespace.
	Annotations map[string]string
	// ServiceAccount are annotations of the service account.
	ServiceAccount map[string]string
	// Notes say what does not carry over, and what to do.
	Notes []string
}

func (r *Result) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Convert recognises the source and converts it.
func Convert(source []byte, o Options) (*Result, error) {
	if len(bytes.TrimSpace(source)) == 0 {
		return nil, errors.New("the file is empty: it must have the settings of the VM extension (JSON) or a SecretProviderClass (YAML)")
	}
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(source, &kind); err == nil && kind.Kind == kindClass {
		return fromClass(source, o)
	}
	if bytes.TrimSpace(source)[0] != '{' {
		return nil, errors.New("the file is neither JSON settings of the VM extension nor a SecretProviderClass")
	}
	return fromExtension(source, o)
}

// fromExtension converts settings of the VM extension. They keep their form, in a ConfigMap.
func fromExtension(source []byte, o Options) (*Result, error) {
	s, err := contract.Parse(source)
	if err != nil {
		return nil, fmt.Errorf("settings of the VM extension: %w", err)
	}
	config, warnings, err := s.Validate(contract.Rules{Mode: contract.Pod, AllowedVaults: o.AllowedVaults})
	if err != nil {
		return nil, fmt.Errorf("settings of the VM extension: %w", err)
	}
	r := &Result{Annotations: map[string]string{contract.Prefix + contract.KeySettingsConfigMap: o.Name}, ServiceAccount: map[string]string{}}
	for _, w := range warnings {
		r.note("%s", w)
	}
	if id := s.Authentication.MSIClientID; id != "" && s.Authentication.Credential != contract.CredentialManagedIdentity {
		r.ServiceAccount[contract.AnnotationClientID] = id
		r.note("msiClientId becomes the service account's client ID: the identity needs a federated credential for the service account")
	}
	if id := s.Authentication.MSIClientID; id == "" {
		r.note("the settings name no identity: annotate the service account with %s", contract.AnnotationClientID)
	}
	for _, c := range config.Certificates {
		if c.Store != contract.DefaultStoreLocation {
			r.note("%s is written to %s in every container of the pod, as a volume: the directory must not have other files of the image", c.URL, c.Store)
		}
	}
	r.Manifest, err = configMap(o, string(bytes.TrimSpace(source))+"\n")
	return r, err
}

// configMap returns the manifest of a ConfigMap with settings.
func configMap(o Options, settings string) (string, error) {
	if len(settings) > maxSettings {
		return "", fmt.Errorf("the settings have %d bytes, but the sidecar reads at most %d: split them over several pods", len(settings), maxSettings)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\n", o.Name)
	if o.Namespace != "" {
		fmt.Fprintf(&b, "  namespace: %s\n", o.Namespace)
	}
	b.WriteString("data:\n  settings.json: |\n")
	for line := range strings.Lines(settings) {
		b.WriteString("    " + line)
	}
	return b.String(), nil
}

// maxSettings is the limit of the settings file, as in docs/design.md.
const maxSettings = 96 << 10
