package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/framework"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// restartedIn bounds the time until the kubelet has started a killed container again. It waits
// longer after each kill.
const restartedIn = 2 * time.Minute

// admittedIn bounds the time until the webhook admits pods again after the API server has started.
const admittedIn = time.Minute

// nodeFaults returns the faults on the node.
func nodeFaults() []fault {
	const holdsApps = "TLS clients are served by all other pods, renewals arrive, nothing restarts"
	return []fault{
		onNode("api-server", "killed containers come back with their certificates without an API server; "+
			"others serve and renew; pods are injected when it is back", apiServerDown),
		onNode("kubelet", holdsApps, programDown("kubelet")),
		onNode("containerd", holdsApps, programDown("containerd")),
		onNode("rollout", "while the webhook's replicas are killed, 200 pods are created, none without sidecar", rollOut),
		onNode("settings", "an edit that cannot be used changes nothing, also after a kill; the status says why", editConfigMap),
		onNode("abuse", "good pods are injected, TLS clients served, probes answered and renewals installed under attack", abuse),
	}
}

// apiServerDown kills the API server, and containers of a pod while it is down.
func apiServerDown(ctx context.Context, t *trial, n *node) error {
	const program = "kube-apiserver"
	shaken := n.app("shaken")
	if err := n.Cluster.KillProgram(ctx, program); err != nil {
		return err
	}
	t.countFault()
	containers := []string{contract.ContainerName, "server"}
	t.rand.Shuffle(2, func(i, j int) { containers[i], containers[j] = containers[j], containers[i] })
	shaken.shaken.Store(true)
	for _, container := range containers {
		if err := rig.Pause(ctx, t.between(0, 2*time.Second)); err != nil {
			return err
		}
		if err := kill(shaken.pod, container); err != nil {
			return err
		}
		t.countFault()
		t.check(container+" killed: served", shaken.served(ctx))
		t.check(container+" killed: ready", rig.Await(ctx, restartedIn, func() error {
			_, err := shaken.get(ctx, contract.PathReady)
			return err
		}))
	}
	shaken.shaken.Store(false)
	for _, a := range n.apps {
		t.check(a.name+": renewal without API server", a.reaches(ctx, a.newest.Load()+1))
	}
	if err := n.Cluster.StartProgram(ctx, program); err != nil {
		return err
	}
	t.check("admission afterwards", rig.Await(ctx, admittedIn, func() error {
		admitted, err := n.Admit(ctx, goodPod(shaken.pod.Namespace, shaken.name, "afterwards"))
		if err != nil {
			return err
		}
		return hasSidecar(admitted.Pod)
	}))
	return nil
}

// served waits until the app serves its certificate again.
func (a *app) served(ctx context.Context) error {
	// The container that was killed may be seen to serve for a moment.
	if err := rig.Pause(ctx, time.Second); err != nil {
		return err
	}
	return rig.Await(ctx, restartedIn, func() error {
		_, err := a.handshake(ctx)
		return err
	})
}

// programDown returns what kills a program of the node that pods do not need while they run.
func programDown(program string) func(context.Context, *trial, *node) error {
	return func(ctx context.Context, t *trial, n *node) error {
		before, err := n.restarts(ctx)
		if err != nil {
			return err
		}
		for range 2 {
			if err := n.Cluster.KillProgram(ctx, program); err != nil {
				return err
			}
			t.countFault()
			for _, a := range n.apps {
				t.check(a.name+": renewal without "+program, a.reaches(ctx, a.newest.Load()+1))
			}
			if err := rig.Pause(ctx, t.between(0, 3*time.Second)); err != nil {
				return err
			}
			if err := n.Cluster.StartProgram(ctx, program); err != nil {
				return err
			}
			after, err := n.restarts(ctx)
			if err == nil && before != after {
				err = fmt.Errorf("containers were restarted: %d, before %d", after, before)
			}
			t.check("restarts", err)
		}
		return nil
	}
}

// restarts returns how often containers of the apps were restarted.
func (n *node) restarts(ctx context.Context) (sum int, err error) {
	for _, a := range n.apps {
		count, countErr := a.restarts(ctx)
		sum, err = sum+count, errors.Join(err, countErr)
	}
	return sum, err
}

// editConfigMap edits the settings of a running pod to rubbish and back, and kills the sidecar with
// the rubbish in place.
func editConfigMap(ctx context.Context, t *trial, n *node) error {
	a := n.app("edited")
	good := a.settings()
	edits := []string{"", "{", good[:len(good)/2], `{"secretsManagementSetting":{}}`, "\x00", good + good,
		`{"secretsManagementSettings":{"observedCertificates":["https://evil.example.com/secrets/a"]}}`}
	order := t.rand.Perm(len(edits))
	const most = 3 // each takes some time
	for i, k := range order[:most] {
		if err := a.edit(ctx, edits[k]); err != nil {
			return err
		}
		t.countFault()
		t.check(fmt.Sprintf("edit %d: status", k), a.says(ctx, refused, true, restartedIn))
		t.check(fmt.Sprintf("edit %d: renewal", k), a.reaches(ctx, a.newest.Load()+1))
		if i == 0 {
			a.shaken.Store(true)
			if err := kill(a.pod, contract.ContainerName); err != nil {
				return err
			}
			t.countFault()
			t.check(fmt.Sprintf("edit %d, killed: served", k), a.served(ctx))
			t.check(fmt.Sprintf("edit %d, killed: status", k), a.says(ctx, refused, true, restartedIn))
			a.shaken.Store(false)
			t.check(fmt.Sprintf("edit %d, killed: renewal", k), a.reaches(ctx, a.newest.Load()+1))
		}
		if err := a.edit(ctx, good); err != nil {
			return err
		}
		t.check(fmt.Sprintf("edit %d: back", k), a.says(ctx, refused, false, restartedIn))
	}
	return nil
}

// edit replaces the settings in the ConfigMap. The change of the pod makes the kubelet update the
// file at once, and not within a minute or two.
func (a *app) edit(ctx context.Context, settings string) error {
	core := a.node.Client.CoreV1()
	configMap, err := core.ConfigMaps(a.pod.Namespace).Get(ctx, settingsMap, metav1.GetOptions{})
	if err != nil {
		return err
	}
	// Not a patch, so that any bytes are possible.
	configMap.Data, configMap.BinaryData = nil, map[string][]byte{settingsName: []byte(settings)}
	if _, err := core.ConfigMaps(a.pod.Namespace).Update(ctx, configMap, metav1.UpdateOptions{}); err != nil {
		return err
	}
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"chaos/edited":%q}}}`, time.Now().Format(time.RFC3339Nano))
	_, err = core.Pods(a.pod.Namespace).Patch(ctx, a.pod.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

// kill kills the processes of a container, without the API server.
func kill(pod *corev1.Pod, container string) error {
	status := framework.ContainerStatus(pod, container)
	if status == nil {
		return fmt.Errorf("pod %s has no container %s", pod.Name, container)
	}
	return killContainer(status.ContainerID)
}
