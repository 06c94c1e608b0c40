package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// Limits of the webhook.
const (
	webhookMemory = 256 << 20 // the chart's
	webhookPeak   = 128 << 20
	goodIn        = time.Second
	// attackFor bounds an attack that repeats itself, and attackMost any attack.
	attackFor  = 15 * time.Second
	attackMost = 40 * time.Second
)

// The namespace and the service account of the pods.
const (
	teamNamespace = "team"
	teamAccount   = "workload"
)

// team is the tenant that attacks.
var team = rig.Attacker{Namespace: teamNamespace, Account: teamAccount}

// hook is the webhook under attack.
type hook struct {
	programs
	program string
	node    *rig.Node
	cgroup  *rig.Cgroup
	process *rig.Process // nil while it does not run
	config  *tls.Config
	good    []byte
}

func newHook(p programs) *hook { return &hook{programs: p} }

func (h *hook) part() part {
	const limit = "128 MiB, good pod 1 s"
	deep, nested250 := team.Settings(strings.Repeat("[", 20<<10)), team.Settings(rig.Nested(250_000))
	attacks := []attack{
		h.single("webhook-deep-20k", deep), h.single("webhook-deep-250k", nested250),
		h.single("webhook-unknown-annotations", team.Unknown(5000)),
		h.single("webhook-duplicates-256k", team.Settings(rig.Duplicates(256<<10))),
		h.single("webhook-duplicates-1m", team.Settings(rig.Duplicates(1<<20))),
		h.single("webhook-warnings", team.Unknown(50_000)),
		h.single("webhook-containers", team.List("containers")),
		h.single("webhook-env", team.Container("env")),
		h.single("webhook-mounts", team.Container("volumeMounts")),
		h.single("webhook-volumes", team.List("volumes")),
		{"webhook-stalled", limit + ", closed in 15 s", h.stalled},
		{"webhook-connections", limit, h.connections},
		{"webhook-mix", limit, h.mix},
		{"webhook-start-accounts", limit + ", ready in 30 s", h.startAccounts},
		{"webhook-start-pods", limit + ", ready in 30 s", h.startPods},
	}
	return part{attacks: append(attacks, h.readAttacks()...), start: h.begin, stop: h.end}
}

// begin starts the node. Its failurePolicy is Ignore, so that pods exist that the webhook missed.
func (h *hook) begin(ctx context.Context) (err error) {
	if h.program, err = h.build(ctx, "webhook"); err != nil {
		return err
	}
	if h.good, err = rig.Request(teamNamespace, teamAccount); err != nil {
		return err
	}
	if h.cgroup, err = rig.NewCgroup("certsync-abuse-webhook", webhookMemory); err != nil {
		return err
	}
	progress("starting a node")
	if h.node, err = rig.StartNode(ctx, "certsync-abuse", admissionv1.Ignore); err != nil {
		return err
	}
	if err := h.node.Namespace(ctx, teamNamespace); err != nil {
		return err
	}
	return h.node.ServiceAccount(ctx, teamNamespace, teamAccount, map[string]string{contract.AnnotationClientID: rig.ClientID})
}

func (h *hook) end(ctx context.Context) {
	h.halt()
	h.node.Stop(ctx)
	if h.cgroup != nil {
		if err := h.cgroup.Remove(); err != nil {
			progress("the webhook's cgroup was not removed: %v", err)
		}
	}
}

// halt ends the webhook.
func (h *hook) halt() {
	if h.process != nil {
		h.process.Stop()
		h.process = nil
	}
}

// launch starts the webhook.
func (h *hook) launch(ctx context.Context, args ...string) (err error) {
	if h.process, _, err = h.node.StartWebhook(ctx, h.cgroup.Command, h.program, args...); err != nil {
		h.process = nil
		return err
	}
	h.config, err = h.node.Trust(ctx)
	return err
}

// attacked runs an attack on a webhook that runs already or that is started, with a client beside
// it that sends good pods, and returns what it cost.
func (h *hook) attacked(ctx context.Context, run func(context.Context) error) (cost string, err error) {
	if h.process == nil || h.process.Ended() != nil {
		if err := h.launch(ctx); err != nil {
			return "", errors.Join(errSetup, err)
		}
	}
	if err := h.process.ResetPeak(); err != nil {
		return "", errors.Join(errSetup, err)
	}
	before, err := h.process.CPU()
	if err != nil {
		return "", errors.Join(errSetup, err)
	}
	limited, cancel := context.WithTimeout(ctx, attackMost)
	defer cancel()
	good := h.watchGood(limited)
	err = run(limited)
	_ = rig.Pause(ctx, time.Second) // what goes on when the client has gone
	goodErr := good.stop()
	cost, costErr := h.cost(ctx, before)
	return fmt.Sprintf("%s, good pod %d ms", cost, good.worst.Milliseconds()), errors.Join(err, goodErr, costErr)
}

// cost returns peak and CPU time. The error is what does not keep the limit.
func (h *hook) cost(ctx context.Context, before time.Duration) (string, error) {
	if err := h.process.Ended(); err != nil {
		return "ended", err
	}
	after, err := h.process.CPU()
	if err != nil {
		return "", err
	}
	const idle = 500 * time.Millisecond
	_ = rig.Pause(ctx, idle)
	later, err := h.process.CPU()
	if err != nil {
		return "", err
	}
	_, peak, err := h.process.Memory()
	if err != nil {
		return "", err
	}
	var errs []error
	if peak > webhookPeak {
		errs = append(errs, fmt.Errorf("the webhook needed %s of memory", mebibytes(peak)))
	}
	if busy := later - after; busy > idle/2 {
		errs = append(errs, fmt.Errorf("the webhook goes on after the attack: %s of CPU in %s", busy.Round(time.Millisecond), idle))
	}
	return fmt.Sprintf("%s, CPU %.1f s", mebibytes(peak), (after - before).Seconds()), errors.Join(errs...)
}

// goodPods is a client that sends good pods.
type goodPods struct {
	cancel context.CancelFunc
	done   chan struct{}
	sent   int
	worst  time.Duration
	errs   []error
}

// watchGood sends good pods one after the other on a kept connection, as the API server has it.
func (h *hook) watchGood(ctx context.Context) *goodPods {
	g := &goodPods{done: make(chan struct{})}
	ctx, g.cancel = context.WithCancel(ctx)
	var c *rig.Client
	go func() {
		defer close(g.done)
		defer func() {
			if c != nil {
				c.Close()
			}
		}()
		rig.Every(ctx, 50*time.Millisecond, func() {
			begin := time.Now()
			err := h.sendGood(&c, begin.Add(10*time.Second))
			g.sent++
			g.worst = max(g.worst, time.Since(begin))
			if err != nil {
				g.errs = append(g.errs, err)
			}
		})
	}()
	return g
}

// sendGood sends a good pod, and connects first unless there is a connection.
func (h *hook) sendGood(c **rig.Client, deadline time.Time) (err error) {
	if *c == nil {
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		defer cancel()
		if *c, err = h.node.Connect(ctx, h.config); err != nil {
			*c = nil
			return err
		}
	}
	if err = (*c).SetDeadline(deadline); err == nil {
		_, err = (*c).Admit(h.good)
	}
	if err != nil {
		(*c).Close()
		*c = nil
	}
	return err
}

// stop ends the client. The error is about pods that were not injected into, or were late.
func (g *goodPods) stop() error {
	g.cancel()
	<-g.done
	switch {
	case len(g.errs) > 0:
		return fmt.Errorf("%d of %d good pods got no patch: %w", len(g.errs), g.sent, g.errs[0])
	case g.sent < 2:
		return fmt.Errorf("%d good pods got a response during the attack", g.sent)
	case g.worst > goodIn:
		return fmt.Errorf("a good pod's response took %s", g.worst.Round(time.Millisecond))
	}
	return nil
}
