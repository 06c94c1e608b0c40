package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// key returns the full key of a certsync annotation.
func key(name string) string { return contract.Prefix + name }

// settingsOf returns the settings in the sidecar's variable.
func settingsOf(t *testing.T, pod *corev1.Pod) contract.SecretsManagement {
	t.Helper()
	s, err := contract.Parse([]byte(variables(containerOf(t, pod, contract.ContainerName))[contract.EnvSettings]))
	if err != nil {
		t.Fatal(err)
	}
	return s.SecretsManagement
}

func urlsOf(s contract.SecretsManagement) (urls []string) {
	for _, c := range s.ObservedCertificates {
		urls = append(urls, c.URL)
	}
	return urls
}

// The certificates come completely from the first of pod, service account and namespace that has
// any. An annotation on the pod names the source.
func TestSettingsLevels(t *testing.T) {
	t.Parallel()
	object := `{"secretsManagementSettings":{"logLevel":"debug","observedCertificates":["` + secretURL("object") + `"]}}`
	named := newNamespace(t, "levels", "restricted", annotated(key("certificates"), secretURL("namespace")))
	bare := newNamespace(t, "levels-bare", "restricted", nil)
	for _, namespace := range []string{named, bare} {
		newServiceAccount(t, namespace, "bare", withClientID())
		newServiceAccount(t, namespace, "object", withClientID(key("settings"), object))
	}
	ours := annotated(key("certificates"), secretURL("a")+",\n"+secretURL("b")+" "+secretURL("c"))
	for _, test := range []struct {
		name   string
		pod    *corev1.Pod
		source string
		urls   []string
	}{
		{"namespace", labelled(named, "bare", nil), "namespace: certificates", []string{secretURL("namespace")}},
		{"service account before namespace", labelled(named, "object", nil), "service account: settings", []string{secretURL("object")}},
		{"pod before namespace", labelled(named, "bare", ours), "pod: certificates", []string{secretURL("a"), secretURL("b"), secretURL("c")}},
		{"pod before service account", labelled(named, "object", ours), "pod: certificates", []string{secretURL("a"), secretURL("b"), secretURL("c")}},
		{"both on the pod", labelled(bare, "bare", annotated(key("settings"), object, key("certificates"), secretURL("more"))),
			"pod: certificates, settings", []string{secretURL("object"), secretURL("more")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pod := admit(t, test.pod).Pod
			if got := pod.Annotations[key(contract.KeySettingsSource)]; got != test.source {
				t.Errorf("settings-source is %q, want %q", got, test.source)
			}
			if diff := cmp.Diff(test.urls, urlsOf(settingsOf(t, pod))); diff != "" {
				t.Errorf("certificates (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		if pod := admit(t, labelled(bare, "bare", nil)).Pod; len(pod.Spec.InitContainers) != 0 {
			t.Errorf("a pod without certificates has the containers %q", names(pod.Spec.InitContainers))
		}
	})
	t.Run("not wanted", func(t *testing.T) {
		t.Parallel()
		pod := admit(t, labelled(named, "bare", annotated(key("inject"), "false"))).Pod
		if len(pod.Spec.InitContainers) != 0 || len(tokens(pod)) != 1 {
			t.Errorf("a pod with inject=false has the containers %q and %d tokens", names(pod.Spec.InitContainers), len(tokens(pod)))
		}
	})
}

// Each other key comes from the first level that has it, independent of the level of the
// certificates.
func TestSettingsKeyByKey(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t, "keys", "restricted", annotated(
		key("certificates"), secretURL("web"), key("log-level"), "debug", key("file-mode"), "0640", key("port"), "9000"))
	newServiceAccount(t, namespace, "web", withClientID(key("file-mode"), "0600", key("port"), "9001"))
	settings := settingsOf(t, admit(t, labelled(namespace, "web", annotated(key("port"), "9002"))).Pod)
	got := []any{settings.Port, settings.FileMode, settings.LogLevel, settings.PollingInterval}
	// From pod, service account, namespace and, set by the environment, chart.
	if diff := cmp.Diff([]any{9002, "0600", "debug", contract.Seconds(10 * time.Second)}, got); diff != "" {
		t.Errorf("port, file mode, log level and polling interval (-want +got):\n%s", diff)
	}
}

// A denial names the annotation, the value, the level and what is allowed.
func TestSettingsRefused(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t, "refused", "restricted", annotated(key("polling-interval"), "5"))
	newServiceAccount(t, namespace, "web", withClientID())
	newServiceAccount(t, namespace, "loud", withClientID(key("log-level"), "loud", key("polling-interval"), "60"))
	newServiceAccount(t, namespace, "brief", withClientID(contract.AnnotationTokenExpiration, "60"))
	newConfigMap(t, namespace, "typo", map[string]string{"settings.json": `{"secretsManagementSettings":{"observedCertificate":[]}}`})
	newConfigMap(t, namespace, "other-key", map[string]string{"settings.yaml": ""})
	good, minute := []string{key("certificates"), secretURL("web")}, []string{key("polling-interval"), "60"}
	with := func(pairs ...string) map[string]string {
		return annotated(append(append(append([]string{}, good...), minute...), pairs...)...)
	}
	configMap := func(name string) map[string]string {
		return annotated(append([]string{key("settings-configmap"), name}, minute...)...)
	}
	for name, test := range map[string]struct {
		pod  *corev1.Pod
		want []string
	}{
		"namespace":        {labelled(namespace, "web", annotated(good...)), []string{key("polling-interval") + " on the namespace", `"5"`, "10 s"}},
		"service account":  {labelled(namespace, "loud", annotated(good...)), []string{key("log-level") + " on the service account", `"loud"`, "debug"}},
		"token of account": {labelled(namespace, "brief", nil), []string{contract.AnnotationTokenExpiration + " on the service account", `"60"`, "3600 to 86400"}},
		"token of pod": {labelled(namespace, "brief", annotated(contract.AnnotationTokenExpiration, "1h")),
			[]string{contract.AnnotationTokenExpiration + " on the pod", `"1h"`, "3600 to 86400"}},
		"token just too short": {labelled(namespace, "web", annotated(contract.AnnotationTokenExpiration, "3599")), []string{`"3599"`}},
		"token just too long":  {labelled(namespace, "web", annotated(contract.AnnotationTokenExpiration, "86401")), []string{`"86401"`}},
		"both forms": {labelled(namespace, "web", with(key("settings"), "{}", key("settings-configmap"), "typo")),
			[]string{key("settings"), "settings-configmap", "remove one of the two"}},
		"no object":         {labelled(namespace, "web", with(key("settings"), `{"a":1,}`)), []string{key("settings") + " on the pod", "trailing comma"}},
		"missing ConfigMap": {labelled(namespace, "web", configMap("absent")), []string{key("settings-configmap") + " on the pod", `"absent"`, "create it"}},
		"ConfigMap's key":   {labelled(namespace, "web", configMap("other-key")), []string{`"other-key"`, "settings.json"}},
		"ConfigMap's typo": {labelled(namespace, "web", configMap("typo")),
			[]string{`"typo"`, "secretsManagementSettings.observedCertificate", "observedCertificates"}},
		"store at a mount": {mounted(labelled(namespace, "web", with()), contract.DefaultStoreLocation+"/mine"),
			[]string{contract.DefaultStoreLocation, "container app", "volume mine"}},
		"entry of a list": {labelled(namespace, "web", annotated(append([]string{key("certificates"),
			secretURL("web") + " https://example-vault.vault.azure.net/keys/web"}, minute...)...)),
			[]string{"entry 2", "https://example-vault.vault.azure.net/secrets/web"}},
		"a vault of nobody": {labelled(namespace, "web", annotated(append([]string{key("certificates"), "https://vault.azure.net.example.com/secrets/web"}, minute...)...)),
			[]string{"vault.azure.net.example.com", "vault.usgovcloudapi.net"}},
		"too large": {labelled(namespace, "web", annotated(append([]string{key("certificates"), manyURLs(1500)}, minute...)...)),
			[]string{key("certificates"), "98304", "settings-configmap"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, test.pod, test.want...)
		})
	}
}

func manyURLs(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = secretURL(fmt.Sprintf("certificate-of-a-long-name-%06d", i))
	}
	return strings.Join(list, ",")
}

// mounted adds a volume to the pod and mounts it.
func mounted(pod *corev1.Pod, path string) *corev1.Pod {
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "mine", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	app := &pod.Spec.Containers[0]
	app.VolumeMounts = append(app.VolumeMounts, corev1.VolumeMount{Name: "mine", MountPath: path})
	return pod
}

// A suspicious but valid setting produces a warning for the user who creates the pod, and the pod
// keeps the warning.
func TestSettingsWarned(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t, "warned", "restricted", nil)
	newServiceAccount(t, namespace, "none", nil)
	newServiceAccount(t, namespace, "name", annotated(contract.AnnotationClientID, "my-app"))
	newServiceAccount(t, namespace, "web", withClientID())
	object := func(text string) map[string]string { return annotated(key("settings"), text) }
	for name, test := range map[string]struct {
		pod  *corev1.Pod
		want []string
	}{
		"no client ID":         {labelled(namespace, "none", nil), []string{contract.AnnotationClientID, namespace + "/none", "kubectl annotate serviceaccount none"}},
		"client ID not a GUID": {labelled(namespace, "name", nil), []string{contract.AnnotationClientID, `"my-app"`, "not a GUID"}},
		"client ID on pod":     {labelled(namespace, "web", annotated(contract.AnnotationClientID, clientID)), []string{"on the pod has no effect", namespace + "/web"}},
		"unknown annotation":   {labelled(namespace, "web", annotated(key("certificate"), secretURL("web"))), []string{key("certificate"), `did you mean "certificates"`}},
		"pinned version": {labelled(namespace, "web", annotated(key("certificates"), secretURL("web")+"/1234567890abcdef1234567890abcdef")),
			[]string{key("certificates"), "version"}},
		"linkOnRenewal": {labelled(namespace, "web", object(`{"secretsManagementSettings":{"linkOnRenewal":true,"observedCertificates":["`+secretURL("web")+`"]}}`)),
			[]string{key("settings"), "linkOnRenewal"}},
		"node's identity": {labelled(namespace, "web", object(`{"secretsManagementSettings":{"observedCertificates":["`+secretURL("web")+`"]},`+
			`"authenticationSettings":{"msiEndpoint":"http://169.254.169.254/metadata/identity","msiClientId":"`+clientID+`"}}`)),
			[]string{key("settings"), "msiEndpoint"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			warned(t, admit(t, test.pod), test.want...)
		})
	}
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		a := admit(t, labelled(namespace, "web", annotated(key("certificates"), secretURL("web"))))
		if said := a.Pod.Annotations[key(contract.KeyWarnings)]; len(a.Warnings) != 0 || said != "" {
			t.Errorf("warnings for a good pod: %q, %q", a.Warnings, said)
		}
	})
}

// At admission, the settings in a ConfigMap determine which stores are mounted. The sidecar mounts
// the ConfigMap.
func TestSettingsOfConfigMap(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t, "config-map", "restricted", nil)
	newServiceAccount(t, namespace, "web", withClientID())
	settings, err := json.Marshal(map[string]any{"secretsManagementSettings": map[string]any{
		"certificateStoreLocation": "/certs/a",
		"observedCertificates":     []any{secretURL("a"), map[string]any{"url": secretURL("b"), "certificateStoreLocation": "/certs/b"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	newConfigMap(t, namespace, "certs", map[string]string{"settings.json": string(settings)})
	pod := admit(t, labelled(namespace, "web", annotated(key("settings-configmap"), "certs"))).Pod
	if got, want := pod.Annotations[key(contract.KeySettingsSource)], "pod: settings-configmap certs"; got != want {
		t.Errorf("settings-source is %q, want %q", got, want)
	}
	sidecar := containerOf(t, pod, contract.ContainerName)
	if at := mountsAt(sidecar, contract.SettingsMountPath); len(at) != 1 {
		t.Errorf("volumes at %s in the sidecar: %q, want one", contract.SettingsMountPath, at)
	}
	for _, path := range []string{"/certs/a", "/certs/b"} {
		if in, out := mountsAt(sidecar, path), mountsAt(containerOf(t, pod, "app"), path); len(in) != 1 || !cmp.Equal(in, out) {
			t.Errorf("at %s the sidecar mounts %q and the app %q, want the same volume", path, in, out)
		}
	}
}
