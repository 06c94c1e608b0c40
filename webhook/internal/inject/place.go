package inject

import (
	"slices"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// place adds the containers of the sidecar. Init containers come first, but after those of a service mesh:
// before them, the network may be redirected to a proxy that is not up yet.
func (p *pass) place(want *sidecar) {
	after := p.lastMesh() + 1
	if p.count(initContainers) == 0 {
		appendTo(&p.patch, initContainers, 0, want.init...)
	} else {
		for i := range want.init {
			p.patch.add(element(initContainers, after+i), &want.init[i])
		}
	}
	appendTo(&p.patch, mainContainers, p.count(mainContainers), want.main...)
}

// count returns the number of containers of a list that this package did not make.
func (p *pass) count(list string) (n int) {
	for i := range p.apps {
		if p.apps[i].list == list {
			n++
		}
	}
	return n
}

// lastMesh returns the index of the last init container of a service mesh, or -1.
func (p *pass) lastMesh() int {
	last := -1
	for i := range p.apps {
		if c := &p.apps[i]; c.list == initContainers && slices.Contains(p.o.StartAfter, c.Name) {
			last = c.index
		}
	}
	return last
}

// move puts init containers of an earlier pass after those of a mesh that came later. They are moved as they are, with
// what other webhooks put into them.
func (p *pass) move() {
	last, moved := p.lastMesh(), 0
	for i := range p.own {
		if c := p.own[i]; c.list == initContainers && c.index < last {
			// Once it is taken out, the mesh is one place further to the front, and "last" is the place behind it.
			p.patch.move(element(initContainers, c.index-moved), element(initContainers, last))
			moved++
		}
	}
}

// checkMesh warns where an init container will find the network redirected to a proxy that starts after it.
func (p *pass) checkMesh() {
	if p.lastMesh() < 0 {
		return
	}
	for i := range p.apps {
		if c := &p.apps[i]; c.list == mainContainers && slices.Contains(p.o.StartAfter, c.Name) {
			p.warn("container " + c.Name + " of the service mesh starts only after the init containers, which may have no network until then: " +
				"if the initial sync hangs, let the mesh use native sidecars, or exclude Key Vault and Microsoft Entra ID from its redirection, " +
				"or set annotation " + contract.Prefix + contract.KeyRequireInitial + ` to "false" and ` +
				contract.Prefix + contract.KeyNativeSidecar + ` to "false"`)
		}
	}
}
