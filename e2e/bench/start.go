package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const (
	// podStarts is how many pods of each kind are started, unless the variable STARTS says it.
	podStarts = 12
	// podReadyIn bounds the start of one of them.
	podReadyIn = time.Minute
	// mostAdded is the target: what the sidecar may add to a pod's start.
	mostAdded = time.Second

	startsNode     = nodeName + "-start"
	startNamespace = "bench-start"
	appName        = "app"
)

// podKind is a kind of pod whose start is measured.
type podKind struct {
	name         string
	certificates int
	annotations  map[string]string // without the prefix
	limited      bool              // the app's container has a CPU limit
	target       bool
	starts       []*podStart
}

// start measures the starts of pods on a node where the product is installed. The kinds take turns,
// so that all of them meet the same load.
func (b *bench) start(ctx context.Context) (err error) {
	s := &startBench{bench: b}
	if s.env, err = framework.New(os.Stderr); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.env.Close(context.WithoutCancel(ctx))) }()
	if err := s.env.Up(ctx, cluster.Options{Name: startsNode}); err != nil {
		return err
	}
	if err := s.images(ctx); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	kinds := []*podKind{
		{name: "plain"},
		{name: "1 certificate", certificates: 1, target: true},
		{name: "10 certificates", certificates: 10, target: true},
		{name: "10 certificates, CPU limits", certificates: 10, limited: true},
		{name: "10 certificates, no native sidecar", certificates: 10, annotations: map[string]string{contract.KeyNativeSidecar: "false"}},
	}
	turns, err := startTurns()
	if err != nil {
		return err
	}
	for i := range turns {
		b.progress("starting pods, turn %d of %d", i+1, turns)
		for _, k := range kinds {
			// The end of the last pod was seen in one of the kubelet's looks, which come each
			// second. The turns begin at different times between two of them, as pods do.
			if err := rig.Pause(ctx, time.Second*time.Duration(i)/time.Duration(turns)); err != nil {
				return err
			}
			start, err := s.measure(ctx, k)
			if err != nil {
				return fmt.Errorf("pod %q: %w", k.name, err)
			}
			k.starts = append(k.starts, start)
		}
	}
	s.report(kinds)
	return nil
}

// startTurns is how many pods of each kind are started.
func startTurns() (int, error) {
	text := os.Getenv("STARTS")
	if text == "" {
		return podStarts, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("variable STARTS: %q: give the number of pods of each kind", text)
	}
	return n, nil
}

// startBench starts pods on a node where the product is installed.
type startBench struct {
	*bench
	env      *framework.Environment
	image    string
	clientID string
	events   *runtimeEvents
	last     int // request of the emulator
	pods     int
}

// prepare creates what the pods have in common.
func (s *startBench) prepare(ctx context.Context) (err error) {
	// The smallest app: it does nothing, and is ready once it runs.
	if s.image, err = s.env.Cluster.PackImage(ctx, cluster.PackSpec{Name: "bench-app", Package: "./e2e/cluster/pause"}); err != nil {
		return err
	}
	if s.clientID, err = s.env.NewIdentity(ctx, startNamespace, appName); err != nil {
		return err
	}
	if err := s.env.NewNamespace(ctx, startNamespace, "baseline", nil); err != nil {
		return err
	}
	if err := s.env.NewServiceAccount(ctx, startNamespace, appName, map[string]string{contract.AnnotationClientID: s.clientID}); err != nil {
		return err
	}
	for i := range 10 {
		if _, err := s.env.Azure.CreateCertificate(ctx, azure.Certificate{Vault: framework.Vault, Name: startCertificate(i), Key: azure.RSA2048}); err != nil {
			return err
		}
	}
	s.events, err = watchRuntime(ctx, s.env.Cluster)
	return err
}

func startCertificate(i int) string { return fmt.Sprintf("start%02d", i) }

// pod returns a pod of a kind.
func (s *startBench) pod(k *podKind) *corev1.Pod {
	s.pods++
	grace := int64(1)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: startNamespace, Name: fmt.Sprintf("pod-%d", s.pods), Annotations: map[string]string{}},
		Spec: corev1.PodSpec{
			ServiceAccountName: appName, TerminationGracePeriodSeconds: &grace,
			HostAliases: []corev1.HostAlias{{IP: s.env.AzureIP, Hostnames: []string{"login.microsoftonline.com", framework.Vault}}},
			Containers:  []corev1.Container{{Name: appName, Image: s.image}},
		},
	}
	if k.limited {
		pod.Spec.Containers[0].Resources = limitedResources()
	}
	if k.certificates == 0 {
		return pod
	}
	pod.Labels = map[string]string{contract.LabelUse: "true"}
	urls := make([]string, k.certificates)
	for i := range urls {
		urls[i] = "https://" + framework.Vault + "/secrets/" + startCertificate(i)
	}
	all := map[string]string{contract.KeyCertificates: strings.Join(urls, ",")}
	maps.Copy(all, k.annotations)
	for key, value := range all {
		pod.Annotations[contract.Prefix+key] = value
	}
	return pod
}

// measure starts a pod, waits until it is ready, and removes it.
func (s *startBench) measure(ctx context.Context, k *podKind) (*podStart, error) {
	ctx, cancel := context.WithTimeout(ctx, podReadyIn)
	defer cancel()
	pod := s.pod(k)
	pods := s.env.Client.CoreV1().Pods(startNamespace)
	changes, err := pods.Watch(ctx, metav1.SingleObject(pod.ObjectMeta))
	if err != nil {
		return nil, err
	}
	defer changes.Stop()
	start := newPodStart()
	if _, err := pods.Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	ready, err := start.follow(ctx, changes)
	if err == nil {
		err = start.add(ctx, s, ready)
	}
	if err != nil {
		return nil, err
	}
	if err := pods.Delete(ctx, pod.Name, metav1.DeleteOptions{}); err != nil {
		return nil, err
	}
	return start, gone(ctx, changes)
}

// report adds the medians, and where the time goes.
func (s *startBench) report(kinds []*podKind) {
	plain := kinds[0].median(readyStep)
	s.note("pod start: create to ready, plain", "%s", kinds[0].spread())
	for _, k := range kinds[1:] {
		what := "pod start: " + k.name
		added := k.median(readyStep) - plain
		text := fmt.Sprintf("+%.2f s (%s)", added.Seconds(), k.spread())
		if k.target {
			s.add(what, fmt.Sprintf("at most +%.1f s", mostAdded.Seconds()), added <= mostAdded, "%s", text)
		} else {
			s.note(what, "%s", text)
		}
	}
	for _, k := range kinds {
		s.note("pod start: trace, "+k.name, "%s", k.trace())
	}
}

// median is the median time of a step since the creation; 0 if no pod has it.
func (k *podKind) median(s step) time.Duration {
	var all []time.Duration
	for _, start := range k.starts {
		if at, ok := start.steps[s]; ok {
			all = append(all, at.Sub(start.created))
		}
	}
	if len(all) == 0 {
		return 0
	}
	return middle(all)
}

// spread is the median with the extremes.
func (k *podKind) spread() string {
	all := make([]time.Duration, len(k.starts))
	for i, start := range k.starts {
		all[i] = start.steps[readyStep].Sub(start.created)
	}
	return fmt.Sprintf("%.2f s, %.2f to %.2f", middle(all).Seconds(), slices.Min(all).Seconds(), slices.Max(all).Seconds())
}

// trace is the medians of all steps, and what the sidecar's cgroup needed.
func (k *podKind) trace() string {
	var parts []string
	for s := range steps {
		if at := k.median(step(s)); at > 0 {
			parts = append(parts, fmt.Sprintf("%s %.2f", steps[s], at.Seconds()))
		}
	}
	var cpu []time.Duration
	var periods, throttled []int
	for _, start := range k.starts {
		if start.cgroup.read {
			cpu = append(cpu, start.cgroup.cpu)
			periods, throttled = append(periods, start.cgroup.periods), append(throttled, start.cgroup.throttled)
		}
	}
	if len(cpu) > 0 {
		slices.Sort(periods)
		slices.Sort(throttled)
		parts = append(parts, fmt.Sprintf("sidecar's CPU %s, %d of %d periods throttled", millis(middle(cpu)), throttled[len(throttled)/2], periods[len(periods)/2]))
	}
	return strings.Join(parts, ", ")
}
