package inject

import (
	"slices"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// insertSidecar adds the sidecar's containers. Its init containers come first, but after those of a
// service mesh: before them, the network may be redirected to a proxy that does not run yet.
func (in *injection) insertSidecar(want *sidecar) {
	at := 0
	if mesh := in.lastMesh(); mesh != nil {
		at = mesh.index + 1
	}
	in.editor.insertInitContainers(at, want.init...)
	in.editor.appendContainers(want.main...)
}

// moveAfterMesh moves init containers of an earlier injection behind those of a mesh that was
// injected later. A move keeps what other webhooks added to them.
func (in *injection) moveAfterMesh() {
	mesh := in.lastMesh()
	if mesh == nil {
		return
	}
	// A position, not an index to keep: each move shifts the mesh to the front by one, so this
	// position is always behind the mesh and the containers moved so far.
	to := mesh.index
	for _, c := range in.injected {
		if c.list == initContainers && c.index < mesh.index {
			in.editor.moveInitContainer(c, to)
		}
	}
}

// lastMesh returns the last init container of a service mesh, or nil.
func (in *injection) lastMesh() *container {
	for _, c := range slices.Backward(in.apps) {
		if c.list == initContainers && slices.Contains(in.options.StartAfter, c.Name) {
			return c
		}
	}
	return nil
}

// checkMesh warns about init containers that find the network redirected to a proxy that starts
// after them.
func (in *injection) checkMesh() {
	if in.lastMesh() == nil {
		return
	}
	for _, c := range in.apps {
		if c.list == mainContainers && slices.Contains(in.options.StartAfter, c.Name) {
			in.warn("container " + c.Name + " of the service mesh starts only after the init containers, which may have no network until then: " +
				"if the initial sync hangs, let the mesh use native sidecars, or exclude Key Vault and Microsoft Entra ID from its redirection" +
				excludingAnnotation(c.Name) + ", or set annotation " + contract.Prefix + contract.KeyRequireInitial + ` to "false" and ` +
				contract.Prefix + contract.KeyNativeSidecar + ` to "false"`)
		}
	}
}

// excludingAnnotation returns a text with the annotation that excludes ports from the redirection
// to a mesh's proxy, or "" if the mesh is not known.
//
// Sources: https://istio.io/latest/docs/reference/config/annotations/,
// https://linkerd.io/2/reference/proxy-configuration/,
// https://kuma.io/docs/latest/reference/kubernetes-annotations/ and
// https://developer.hashicorp.com/consul/docs/reference/k8s/annotation-label
func excludingAnnotation(proxy string) string {
	key := map[string]string{
		"istio-proxy":      "traffic.sidecar.istio.io/excludeOutboundPorts",
		"linkerd-proxy":    "config.linkerd.io/skip-outbound-ports",
		"kuma-sidecar":     "traffic.kuma.io/exclude-outbound-ports",
		"consul-dataplane": "consul.hashicorp.com/transparent-proxy-exclude-outbound-ports",
	}[proxy]
	if key == "" {
		return ""
	}
	return ` (annotation ` + key + `: "443")`
}
