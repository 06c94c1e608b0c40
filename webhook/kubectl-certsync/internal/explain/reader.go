package explain

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/annotations"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/settings"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/cluster"
)

// reader looks up what admission reads: in the manifest, or else in the cluster.
type reader struct {
	objects *Objects        // nil: no manifest
	cluster *cluster.Client // nil: offline
	notes   []string
}

// note adds an assumption once.
func (r *reader) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.notes, text) {
		r.notes = append(r.notes, text)
	}
}

func (r *reader) serviceAccount(ctx context.Context, namespace, name string) (map[string]string, error) {
	if r.objects != nil {
		if found, ok := r.objects.serviceAccounts[namespace+"/"+name]; ok {
			return found, nil
		}
	}
	if r.cluster == nil {
		r.note("service account %s/%s is not in the file: it is assumed to have no annotations", namespace, name)
		return nil, nil
	}
	account, err := r.cluster.CoreV1().ServiceAccounts(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, &annotations.NotFoundError{Kind: "service account", Namespace: namespace, Name: name}
	case apierrors.IsForbidden(err):
		r.note("you may not read service account %s/%s: it is assumed to have no annotations", namespace, name)
		return nil, nil
	case err != nil:
		return nil, cluster.Explain(err, fmt.Sprintf("read service account %q", name), "serviceaccounts", namespace)
	}
	return account.Annotations, nil
}

func (r *reader) namespace(ctx context.Context, _, name string) (map[string]string, error) {
	if r.objects != nil {
		if found, ok := r.objects.namespaces[name]; ok {
			return NamespaceAnnotations(found.Annotations, found.Labels), nil
		}
	}
	if r.cluster == nil {
		r.note("namespace %s is not in the file: it is assumed to have no annotations and no Pod Security level", name)
		return nil, nil
	}
	namespace, err := r.cluster.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, &annotations.NotFoundError{Kind: "namespace", Name: name}
	case apierrors.IsForbidden(err):
		r.note("you may not read namespace %s: it is assumed to have no annotations and no Pod Security level", name)
		return nil, nil
	case err != nil:
		return nil, cluster.Explain(err, fmt.Sprintf("read namespace %q", name), "namespaces", "")
	}
	return NamespaceAnnotations(namespace.Annotations, namespace.Labels), nil
}

// NamespaceAnnotations returns the map that admission.Annotations returns for a namespace.
func NamespaceAnnotations(from, labels map[string]string) map[string]string {
	m := maps.Clone(from)
	if level, ok := labels[annotations.LabelPodSecurity]; ok {
		if m == nil {
			m = map[string]string{}
		}
		m[annotations.LabelPodSecurity] = level
	}
	return m
}

// errConfigMap is returned if a ConfigMap can be read neither in the manifest nor in the cluster.
var errConfigMap = errors.New("put the ConfigMap into the file")

func (r *reader) configMap(ctx context.Context, namespace, name string) (*settings.ConfigMap, error) {
	if r.objects != nil {
		if data, ok := r.objects.configMaps[namespace+"/"+name]; ok {
			return &settings.ConfigMap{Data: data}, nil
		}
	}
	if r.cluster == nil {
		return nil, fmt.Errorf("it is not in the file: %w", errConfigMap)
	}
	m, err := r.cluster.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return &settings.ConfigMap{Missing: true}, nil
	case err != nil:
		return nil, cluster.Explain(err, fmt.Sprintf("read ConfigMap %q", name), "configmaps", namespace)
	}
	return &settings.ConfigMap{Data: m.Data}, nil
}
