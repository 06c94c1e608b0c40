package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const (
	// invented is the number of pods that name objects that do not exist, each another one.
	invented = 200
	// maxReads bounds the reads for one such pod.
	maxReads = 2
)

// readAttacks send pods that name objects which the webhook can only look up in the API server.
func (h *hook) readAttacks() []attack {
	limit := fmt.Sprintf("128 MiB, good pod 1 s, %d reads", maxReads*invented)
	return []attack{
		{"webhook-invented-accounts", limit, h.inventing(func(i int) []byte {
			return rig.Attacker{Namespace: teamNamespace, Account: fmt.Sprintf("invented-%d", i)}.Edited(func(rig.Object) {})
		})},
		{"webhook-invented-namespaces", limit, h.inventing(func(i int) []byte {
			name := fmt.Sprintf("invented-%d", i)
			return rig.Attacker{Namespace: name, Account: name}.Edited(func(rig.Object) {})
		})},
		{"webhook-invented-configmaps", limit, h.inventing(func(i int) []byte {
			return team.Edited(func(pod rig.Object) {
				delete(rig.Annotations(pod), contract.Prefix+contract.KeyCertificates)
				rig.Annotations(pod)[contract.Prefix+contract.KeySettingsConfigMap] = fmt.Sprintf("invented-%d", i)
			})
		})},
	}
}

// inventing sends the requests for all numbers, each once, and counts the reads of the API server.
func (h *hook) inventing(request func(i int) []byte) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		var reads int
		cost, err := h.attacked(ctx, func(ctx context.Context) (err error) {
			if reads, err = h.readsDuring(ctx, request); err == nil && reads > maxReads*invented {
				err = fmt.Errorf("%d reads of the API server for %d pods", reads, invented)
			}
			return err
		})
		return fmt.Sprintf("%s, %d reads", cost, reads), err
	}
}

func (h *hook) readsDuring(ctx context.Context, request func(i int) []byte) (int, error) {
	before, err := h.reads(ctx)
	if err != nil {
		return 0, errors.Join(errSetup, err)
	}
	var group errgroup.Group
	group.SetLimit(16)
	for i := range invented {
		group.Go(func() error {
			_, _ = h.send(ctx, request(i)) // any response is right, an error too
			return nil
		})
	}
	_ = group.Wait() // as above
	after, err := h.reads(context.WithoutCancel(ctx))
	return after - before, err
}

// lookedUp are the resources of which the webhook reads single objects.
var lookedUp = []string{"serviceaccounts", "namespaces", "configmaps"}

// reads returns how many single objects of the kinds that the webhook looks up were read from the
// API server so far, by anybody.
func (h *hook) reads(ctx context.Context) (sum int, err error) {
	text, err := h.node.Kubectl(ctx, "get", "--raw", "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "apiserver_request_total{") || !strings.Contains(line, `verb="GET"`) ||
			!slices.ContainsFunc(lookedUp, func(r string) bool { return strings.Contains(line, `resource="`+r+`"`) }) {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]), 64)
		if err != nil {
			return 0, err
		}
		sum += int(n)
	}
	return sum, nil
}
