package framework

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NewNamespace creates a namespace that enforces a Pod Security level: "privileged", "baseline" or
// "restricted".
func (e *Environment) NewNamespace(ctx context.Context, name, level string, annotations map[string]string) error {
	e.mu.Lock()
	e.namespaces[name] = true
	e.mu.Unlock()
	_, err := e.Client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Annotations: annotations, Labels: map[string]string{"pod-security.kubernetes.io/enforce": level},
	}}, metav1.CreateOptions{})
	return err
}

// NewServiceAccount creates a service account.
func (e *Environment) NewServiceAccount(ctx context.Context, namespace, name string, annotations map[string]string) error {
	_, err := e.Client.CoreV1().ServiceAccounts(namespace).Create(ctx, &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations},
	}, metav1.CreateOptions{})
	return err
}
