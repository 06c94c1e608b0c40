package store

import (
	"slices"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// addPrevious keeps the PEM file of each certificate's previous version.
func (p *plan) addPrevious(entries []Entry, current *generation) {
	for _, e := range entries {
		i := slices.IndexFunc(p.manifest.Certificates, func(c Installed) bool { return c.LinkName == e.LinkName })
		c := &p.manifest.Certificates[i]
		old, ok := current.byLink(c.LinkName)
		if !ok || old.FileName != c.FileName || !slices.Contains(c.Formats, contract.FormatPEM) {
			continue
		}
		previous := old.Version
		if previous == c.Version {
			previous = old.Previous
		}
		name := versioned(c.FileName, previous)
		sum, ok := current.manifest.Files[name]
		if !ok {
			continue
		}
		if n, planned := p.nodes[name]; !planned {
			p.nodes[name] = &node{sum: sum, from: name, access: e.Access, keepPerm: e.KeepAccess}
		} else if n.kind == fileNode {
			n.access = n.access.union(e.Access)
		} else {
			continue
		}
		c.Previous = previous
	}
}

// renewMoved gives another inode to the file of a version from which a link moves away, for example
// to the version after it. A program that watches the file that it found by the link is then
// notified, see retire.
func (p *plan) renewMoved(current *generation) {
	for _, c := range current.manifest.Certificates {
		if !slices.Contains(c.Formats, contract.FormatPEM) {
			continue
		}
		name := versioned(c.FileName, c.Version)
		link := p.nodes[c.LinkName]
		if n := p.nodes[name]; n != nil && n.kind == fileNode && (link == nil || link.target != name) {
			n.renew = true
		}
	}
}
