package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"golang.org/x/sync/errgroup"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const (
	// floodAccounts have annotations of floodBytes each, nearly what an object may have.
	floodAccounts = 1000
	floodBytes    = 250_000
	// floodPods are pods that the webhook missed, with annotations of that size.
	floodPods = 20
)

// startAccounts starts the webhook in a cluster with many large service accounts, and removes them
// while it runs.
func (h *hook) startAccounts(ctx context.Context) (string, error) {
	h.halt()
	value := strings.Repeat("z", floodBytes)
	defer h.removeAccounts(context.WithoutCancel(ctx)) // what an error left
	group, creating := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i := range floodAccounts {
		group.Go(func() error {
			annotations := map[string]string{contract.IdentityPrefix + "zz": value}
			return h.node.ServiceAccount(creating, teamNamespace, fmt.Sprintf("flood-%d", i), annotations)
		})
	}
	if err := group.Wait(); err != nil {
		return "", errors.Join(errSetup, err)
	}
	if err := h.launch(ctx); err != nil {
		return "not ready", err
	}
	// ResetPeak would forget the start.
	_, peak, err := h.process.Memory()
	if err != nil {
		return "", errors.Join(errSetup, err)
	}
	if peak > webhookPeak {
		err = fmt.Errorf("the webhook needed %s of memory to start", mebibytes(peak))
	}
	cost, later := h.attacked(ctx, func(ctx context.Context) error {
		h.removeAccounts(ctx)
		return nil
	})
	return fmt.Sprintf("start %s, then %s", mebibytes(peak), cost), errors.Join(err, later)
}

func (h *hook) removeAccounts(ctx context.Context) {
	group := new(errgroup.Group)
	group.SetLimit(16)
	for i := range floodAccounts {
		group.Go(func() error {
			// Those that do not exist are what is wanted.
			_ = h.node.Client.CoreV1().ServiceAccounts(teamNamespace).Delete(ctx, fmt.Sprintf("flood-%d", i), metav1.DeleteOptions{})
			return nil
		})
	}
	_ = group.Wait()
}

// startPods creates pods while no webhook runs, with the annotation that costs most, and starts the
// webhook, which looks for such pods.
func (h *hook) startPods(ctx context.Context) (string, error) {
	h.halt()
	pods := h.node.Client.CoreV1().Pods(teamNamespace)
	for i := range floodPods {
		_, err := pods.Create(ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: fmt.Sprintf("missed-%d", i), Labels: map[string]string{contract.LabelUse: "true"},
				Annotations: map[string]string{contract.Prefix + contract.KeySettings: rig.Nested(floodBytes)},
			},
			Spec: corev1.PodSpec{
				ServiceAccountName: teamAccount, NodeSelector: map[string]string{"none": "none"}, // it never runs
				Containers: []corev1.Container{{Name: "app", Image: "registry.example.com/app:1"}},
			},
		}, metav1.CreateOptions{})
		if err != nil {
			return "", errors.Join(errSetup, err)
		}
	}
	defer func() {
		_ = pods.DeleteCollection(context.WithoutCancel(ctx), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: contract.LabelUse})
		h.halt() // the next attack gets a webhook without the flag
	}()
	if err := h.launch(ctx, "--report-uninjected"); err != nil {
		return "not ready", err
	}
	return h.attacked(ctx, func(ctx context.Context) error {
		return rig.Await(ctx, 30*time.Second, func() error { return h.reported(ctx, floodPods) })
	})
}

// reported is nil once the webhook's metrics show that many missed pods.
func (h *hook) reported(ctx context.Context, n int) error {
	client := &http.Client{Transport: &http.Transport{DialContext: h.node.Dial, DisableKeepAlives: true}, Timeout: time.Second}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:8095/metrics", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	const metric = "certsync_webhook_uninjected_pods "
	_, value, _ := strings.Cut(string(text), "\n"+metric)
	value, _, _ = strings.Cut(value, "\n")
	if value != fmt.Sprint(n) {
		return fmt.Errorf("%s%s, although the webhook missed %d pods", metric, value, n)
	}
	return nil
}
