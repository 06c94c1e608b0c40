package explain

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

// Objects are the objects of a manifest that matter. Objects without a namespace get a default.
type Objects struct {
	// Pods are pods, and those that a controller would create.
	Pods            []*corev1.Pod
	serviceAccounts map[string]map[string]string // annotations by namespace/name
	namespaces      map[string]*corev1.Namespace
	configMaps      map[string]map[string]string // data by namespace/name
}

// Load reads a manifest: YAML documents or JSON. Other kinds of objects are skipped.
func Load(r io.Reader, defaultNamespace string) (*Objects, error) {
	o := &Objects{
		serviceAccounts: map[string]map[string]string{}, namespaces: map[string]*corev1.Namespace{}, configMaps: map[string]map[string]string{},
	}
	documents := yaml.NewYAMLReader(bufio.NewReader(r))
	for n := 1; ; n++ {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		if err := o.addText(text, defaultNamespace); err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
	}
	if len(o.Pods) == 0 {
		return nil, errors.New("there is no pod in it, and nothing with a pod template (Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob)")
	}
	return o, nil
}

func (o *Objects) addText(text []byte, namespace string) error {
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(text, &kind); err != nil {
		return fmt.Errorf("is not a Kubernetes object: %w", err)
	}
	if kind.Kind == "" {
		var other any
		if err := yaml.Unmarshal(text, &other); err != nil || other != nil {
			return errors.New("is not a Kubernetes object: it has no kind")
		}
		return nil // an empty document
	}
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(text, nil, nil)
	if runtime.IsNotRegisteredError(err) {
		return nil // a custom resource
	}
	if err != nil {
		return fmt.Errorf("is not a valid %s: %w", kind.Kind, err)
	}
	if list, ok := object.(*corev1.List); ok {
		for i := range list.Items {
			if err := o.addText(list.Items[i].Raw, namespace); err != nil {
				return fmt.Errorf("item %d: %w", i+1, err)
			}
		}
		return nil
	}
	o.add(object, namespace)
	return nil
}

func (o *Objects) add(object runtime.Object, namespace string) {
	switch k := object.(type) {
	case *corev1.Pod:
		o.addPod(k, namespace)
	case *appsv1.Deployment:
		o.addTemplate(&k.ObjectMeta, &k.Spec.Template, namespace)
	case *appsv1.StatefulSet:
		o.addTemplate(&k.ObjectMeta, &k.Spec.Template, namespace)
	case *appsv1.DaemonSet:
		o.addTemplate(&k.ObjectMeta, &k.Spec.Template, namespace)
	case *appsv1.ReplicaSet:
		o.addTemplate(&k.ObjectMeta, &k.Spec.Template, namespace)
	case *batchv1.Job:
		o.addTemplate(&k.ObjectMeta, &k.Spec.Template, namespace)
	case *batchv1.CronJob:
		o.addTemplate(&k.ObjectMeta, &k.Spec.JobTemplate.Spec.Template, namespace)
	case *corev1.ServiceAccount:
		annotations := k.Annotations
		if annotations == nil {
			annotations = map[string]string{}
		}
		o.serviceAccounts[key(k.Namespace, namespace, k.Name)] = annotations
	case *corev1.ConfigMap:
		o.configMaps[key(k.Namespace, namespace, k.Name)] = k.Data
	case *corev1.Namespace:
		o.namespaces[k.Name] = k
	}
}

func (o *Objects) addTemplate(owner *metav1.ObjectMeta, template *corev1.PodTemplateSpec, namespace string) {
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Name, pod.GenerateName, pod.Namespace = "", owner.Name+"-", owner.Namespace
	o.addPod(pod, namespace)
}

// addPod sets the defaults that the API server sets before it calls webhooks, and that matter.
func (o *Objects) addPod(pod *corev1.Pod, namespace string) {
	if pod.Namespace == "" {
		pod.Namespace = namespace
	}
	if pod.Spec.RestartPolicy == "" {
		pod.Spec.RestartPolicy = corev1.RestartPolicyAlways
	}
	o.Pods = append(o.Pods, pod)
}

func key(namespace, otherwise, name string) string {
	if namespace == "" {
		namespace = otherwise
	}
	return namespace + "/" + name
}

// Single returns the objects of a manifest with one pod that exists.
func Single(pod *corev1.Pod) *Objects { return &Objects{Pods: []*corev1.Pod{pod}} }
