package store

import (
	"maps"
	"slices"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// plan is a generation before it is written. Everything that can be wrong with the entries is
// detected while the plan is created, in memory.
type plan struct {
	nodes    map[string]*node // by name in the generation
	manifest manifest
	missing  []string         // Result.Missing
	blocked  map[string]error // Result.Blocked
	// incomplete are the entries whose existing files are kept as they are: the missing ones, those
	// without a version, and those that are blocked and not in the manifest.
	incomplete []Entry
	warnings   []string
	// owners are the link names of the entries with a name at the top.
	owners map[string]string
	// adopted are the names at the top whose links belong to the Key Vault VM extension.
	adopted map[string]bool
	links   linkChanges
}

type nodeKind int

const (
	fileNode nodeKind = iota
	linkNode
	dirNode
)

// node is one file, link or directory of a generation.
type node struct {
	kind   nodeKind
	target string // of a link

	data   []byte // of a file; nil if it is still to be read from the file named by from
	sum    string
	from   string // the file of the current generation with this content, or ""
	access Access
	// keepPerm means that the file keeps the permissions that it has in the current generation.
	keepPerm bool
	perm     perm
	// linked means that the file is carried forward by a hard link to from. renew forbids that: the
	// file gets another inode.
	linked, renew bool
}

// inTheWay decides whether an entry can have a name: an error if not. adopt reports that the name
// is a link of the Key Vault VM extension, which is replaced.
type inTheWay func(e Entry, name string, kind nodeKind) (adopt bool, err error)

// nothingInTheWay is for entries that keep what they have.
func nothingInTheWay(Entry, string, nodeKind) (adopt bool, err error) { return false, nil }

func newPlan(entries []Entry, current *generation, check inTheWay) *plan {
	p := &plan{
		nodes: make(map[string]*node), manifest: manifest{Files: make(map[string]string)},
		blocked: make(map[string]error), owners: make(map[string]string), adopted: make(map[string]bool),
	}
	var complete []Entry
	for _, e := range current.publishedFirst(entries) {
		err := e.validate()
		if err == nil {
			var ok bool
			if ok, err = p.add(e, current, check); ok {
				complete = append(complete, e)
			}
		}
		if err != nil {
			complete = append(complete, p.block(e, current, err)...)
		}
	}
	p.addPrevious(complete, current)
	p.renewMoved(current)
	for name, n := range p.nodes {
		if n.kind == fileNode {
			p.manifest.Files[name] = n.sum
		}
	}
	slices.SortFunc(p.manifest.Certificates, func(a, b Installed) int { return strings.Compare(a.LinkName, b.LinkName) })
	return p
}

// publishedFirst returns the entries with those first whose link is published: they keep their
// names.
func (g *generation) publishedFirst(entries []Entry) []Entry {
	var first, rest []Entry
	for _, e := range entries {
		if _, ok := g.byLink(e.LinkName); ok {
			first = append(first, e)
		} else {
			rest = append(rest, e)
		}
	}
	return append(first, rest...)
}

// block records that an entry cannot be published. It returns the entry that keeps the published
// certificate in its place, if there is one.
func (p *plan) block(e Entry, current *generation, err error) (instead []Entry) {
	p.blocked[e.LinkName] = err
	if e.validate() != nil || p.has(e.LinkName) {
		return nil
	}
	old, ok := current.byLink(e.LinkName)
	keep := Entry{FileName: e.FileName, LinkName: e.LinkName, KeepAccess: true}
	if ok {
		keep.FileName, keep.Version = old.FileName, old.Version
		if ok, err := p.add(keep, current, nothingInTheWay); ok && err == nil {
			return []Entry{keep}
		}
	}
	p.incomplete = append(p.incomplete, keep)
	return nil
}

// has reports whether the plan has a certificate with this link name.
func (p *plan) has(link string) bool {
	return slices.ContainsFunc(p.manifest.Certificates, func(c Installed) bool { return c.LinkName == link })
}

// add adds the files and names of an entry, or nothing if there is an error. It returns false if
// the entry has no Files and the current generation has no complete files for it.
func (p *plan) add(e Entry, current *generation, check inTheWay) (bool, error) {
	if p.has(e.LinkName) {
		return false, conflict(e.LinkName, "two certificates use this link name")
	}
	c, nodes, ok := nodesOf(e, current)
	if !ok {
		p.incomplete = append(p.incomplete, e)
		if e.Version != "" {
			p.missing = append(p.missing, e.LinkName)
		}
		return false, nil
	}
	var adopted []string
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		if err := p.checkNode(name, nodes[name]); err != nil {
			return false, err
		}
		if name == versioned(c.FileName, c.Version) {
			continue // applications do not open this name
		}
		adopt, err := check(e, name, nodes[name].kind)
		if err != nil {
			return false, err
		}
		if adopt {
			adopted = append(adopted, name)
		}
	}
	for name, n := range nodes {
		p.put(name, n)
		p.owners[topLevel(name)] = e.LinkName
	}
	for _, name := range adopted {
		p.adopted[name] = true
	}
	p.manifest.Certificates = append(p.manifest.Certificates, c)
	return true, nil
}

// nodesOf returns the files, links and directories of an entry by name, or false if it has no Files
// and the current generation has no complete files for it.
func nodesOf(e Entry, current *generation) (Installed, map[string]*node, bool) {
	c := Installed{FileName: e.FileName, LinkName: e.LinkName, Version: e.Version, Leaf: Leaf{
		Fingerprint: e.Leaf.Fingerprint, NotBefore: e.Leaf.NotBefore.UTC(), NotAfter: e.Leaf.NotAfter.UTC()}}
	var nodes map[string]*node
	if e.Files.empty() {
		kept, ok := current.find(e)
		if !ok {
			return c, nil, false
		}
		c.Leaf, c.Formats = kept.Leaf, kept.Formats
		nodes = current.carried(kept, c)
	} else {
		c.Formats = e.Files.formats()
		nodes = e.Files.nodes(c, current)
	}
	for name, n := range nodes {
		n.access, n.keepPerm = e.Access, e.KeepAccess && e.Files.empty()
		if name == c.LinkName+SuffixMetadata {
			n.access = metadataAccess
		}
	}
	for _, format := range c.Formats {
		switch format {
		case contract.FormatPEM:
			nodes[c.LinkName] = &node{kind: linkNode, target: versioned(c.FileName, c.Version)}
		case contract.FormatSplit:
			nodes[c.LinkName+splitSuffix] = &node{kind: dirNode}
		}
	}
	return c, nodes, true
}

// checkNode checks that a name is valid and not taken by another entry. Two entries can share the
// file of a version.
func (p *plan) checkNode(name string, n *node) error {
	for element := range strings.SplitSeq(name, "/") {
		if err := checkName(element); err != nil {
			return err
		}
	}
	old, taken := p.nodes[name]
	if taken && (old.kind != fileNode || n.kind != fileNode || old.sum != n.sum) {
		return conflict(name, "two certificates write different files with this name")
	}
	return nil
}

// put adds a node. If two entries share the file of a version, the readers of both may read it.
func (p *plan) put(name string, n *node) {
	old, ok := p.nodes[name]
	if !ok {
		p.nodes[name] = n
		return
	}
	old.access, old.keepPerm = old.access.union(n.access), old.keepPerm || n.keepPerm
}

// isPublished reports whether the current generation is already what is planned. A damaged
// generation is replaced as soon as no entry is missing.
func (p *plan) isPublished(current *generation) (bool, error) {
	if current.damaged && len(p.missing) == 0 {
		return false, nil
	}
	for name, n := range p.nodes {
		if n.kind == fileNode && (!n.linked || n.from != name) {
			return false, nil
		}
	}
	if current.name == "" {
		return len(p.nodes) == 0, nil
	}
	planned, err := p.manifest.encode()
	if err != nil {
		return false, err
	}
	currentManifest := current.manifest
	if current.damaged {
		currentManifest.AsIs = p.manifest.AsIs
	}
	published, err := currentManifest.encode()
	return err == nil && string(planned) == string(published), err
}
