package framework

import (
	"context"
	"encoding/json"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Admission is the API server's response to the creation of a pod.
type Admission struct {
	// Pod is the pod that would be stored.
	Pod *corev1.Pod
	// JSON is the same pod, with the fields that the type does not know.
	JSON []byte
	// Warnings are the warnings that kubectl would print.
	Warnings []string
}

// Admit creates a pod with a server-side dry run: the API server calls the admission webhooks, but
// does not store the pod. The error is that of the API server. The API server drops fields that it
// does not know, with a warning.
func (e *Environment) Admit(ctx context.Context, pod *corev1.Pod) (Admission, error) {
	body, err := json.Marshal(pod)
	if err != nil {
		return Admission{}, err
	}
	return e.AdmitJSON(ctx, pod.Namespace, body)
}

// AdmitJSON does the same as Admit with a pod in JSON.
func (e *Environment) AdmitJSON(ctx context.Context, namespace string, pod []byte) (Admission, error) {
	collected := &warnings{}
	ctx = context.WithValue(ctx, warningsKey{}, collected)
	result := e.warning.CoreV1().RESTClient().Post().Namespace(namespace).Resource("pods").
		Param("dryRun", metav1.DryRunAll).Param("fieldValidation", metav1.FieldValidationWarn).
		SetHeader("Content-Type", "application/json").Body(pod).Do(ctx)
	if err := result.Error(); err != nil {
		return Admission{Warnings: collected.texts}, err
	}
	answer, err := result.Raw()
	if err != nil {
		return Admission{}, err
	}
	a := Admission{Pod: &corev1.Pod{}, JSON: answer, Warnings: collected.texts}
	return a, json.Unmarshal(answer, a.Pod)
}

// warningClient returns a client that collects warnings in the context of the request.
func warningClient(config *rest.Config) (kubernetes.Interface, error) {
	config = rest.CopyConfig(config)
	config.WarningHandlerWithContext = toContext{}
	return kubernetes.NewForConfig(config)
}

type warningsKey struct{}

type warnings struct {
	mu    sync.Mutex
	texts []string
}

type toContext struct{}

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (toContext) HandleWarningHeaderWithContext(ctx context.Context, _ int, _, text string) {
	if w, ok := ctx.Value(warningsKey{}).(*warnings); ok {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.texts = append(w.texts, text)
	}
}
