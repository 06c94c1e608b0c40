package admission

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// sample is a request as the API server sends it. It runs all of the code and has values of the
// usual types, so that types are already inspected and pages are in memory for the first real
// request: to decode or encode the first value of a type takes several times as long as the next.
//
//go:embed warmup.json
var sample string

// sampleName is the part of sample that differs between pods.
const sampleName = `"generateName":"warm-up-"`

// warmUpPods is how many pods each CPU admits, each of them three times: the first two are decided,
// and the third one is a repetition. The runtime has memory for each CPU and each size of objects,
// and memory is slow when it is used for the first time. All of it takes some 10 ms.
const warmUpPods = 30

// WarmUp serves sample requests as ServeHTTP does, on all CPUs. It discards the responses, and the
// metrics do not count them.
func (h *Handler) WarmUp(ctx context.Context) {
	config := *h.config
	config.ServiceAccount = func(context.Context, string, string) (map[string]string, error) {
		return map[string]string{contract.AnnotationClientID: "00000000-0000-0000-0000-000000000000"}, nil
	}
	config.Namespace = func(context.Context, string, string) (map[string]string, error) { return nil, nil }
	config.ConfigMap = nil
	warm := NewHandler(&config, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	warm.buffers, warm.budget = h.buffers, h.budget
	var all sync.WaitGroup
	for cpu := range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for pod := range 3 * warmUpPods {
				name := fmt.Sprintf(`"generateName":"warm-up-%d-%d"`, cpu, pod/3)
				warm.serveSample(ctx, strings.Replace(sample, sampleName, name, 1))
			}
		})
	}
	all.Wait()
}

func (h *Handler) serveSample(ctx context.Context, body string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/?timeout=5s", strings.NewReader(body))
	if err != nil {
		return
	}
	r.Header.Set("Content-Type", "application/json")
	h.ServeHTTP(discard{}, r)
}

// discard is an http.ResponseWriter that discards the response.
type discard http.Header

func (d discard) Header() http.Header         { return http.Header(d) }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
