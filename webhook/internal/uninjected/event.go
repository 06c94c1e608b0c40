package uninjected

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const (
	// component and reason appear beside the message in "kubectl describe pod".
	component = "azure-cert-sync-webhook"
	reason    = "NotInjected"

	message = "The pod has the label " + contract.LabelUse + " but was created without azure-cert-sync's webhook, " +
		"which did not respond or was not installed yet: the webhook gave it neither identity nor certificates. "
	// What to do, with and without a controller that creates the pod again.
	remedyControlled = "Delete the pod, so that its controller creates it again."
	remedyBare       = "Delete the pod and create it again."
	// maxMessage is the API server's limit for the message of an Event, in bytes.
	maxMessage = 1024
)

// createEvent creates the pod's Event. Its name derives from the pod, so that all replicas together
// create one.
func (f *Finder) createEvent(ctx context.Context, pod *corev1.Pod, refusal string) error {
	text := message + remedyBare
	if metav1.GetControllerOf(pod) != nil {
		text = message + remedyControlled
	}
	if refusal != "" {
		text += " It would be refused now: " + refusal
	}
	text = strings.ToValidUTF8(text[:min(len(text), maxMessage)], "")
	now := metav1.Now()
	err := f.api.CreateEvent(ctx, &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: "certsync-uninjected-" + string(pod.UID)},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
			ResourceVersion: pod.ResourceVersion,
		},
		Type: corev1.EventTypeWarning, Reason: reason, Message: text,
		Source:         corev1.EventSource{Component: component},
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
	})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err == nil {
		f.log.Warn("uninjected pod found", "namespace", pod.Namespace, "pod", pod.Name, "refusal", refusal)
	}
	return err
}
