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
	// "kubectl describe pod" shows component and reason beside the message.
	component = "azure-cert-sync-webhook"
	reason    = "NotInjected"

	message = "The pod has the label " + contract.LabelUse + " but was created without azure-cert-sync's webhook, " +
		"which did not respond or was not installed then. The pod has no identity and no certificates from azure-cert-sync. "
	// The remedies for a pod with and without a controller.
	remedyControlled = "Delete the pod so that its controller creates it again."
	remedyBare       = "Delete the pod and create it again."
	// maxMessage is the API server's limit for an Event's message, in bytes.
	maxMessage = 1024
)

// createEvent creates the pod's Event. The Event's name contains the pod's UID, so that all
// replicas together create only one.
func (f *Finder) createEvent(ctx context.Context, pod *corev1.Pod, refusal string) error {
	text := message + remedyBare
	if metav1.GetControllerOf(pod) != nil {
		text = message + remedyControlled
	}
	if refusal != "" {
		text += " The webhook would now refuse it: " + refusal
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
