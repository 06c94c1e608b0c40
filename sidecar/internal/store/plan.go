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
	missing  []string // Result.Missing
	// incomplete are the entries whose existing files are kept as they are: the missing ones, and
	// those without a version.
	incomplete []Entry
	warnings   []string
	newLinks   []string // top-level links to create
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
	// linked means that the file is carried forward by a hard link to from.
	linked bool
}

func newPlan(entries []Entry, current *generation) (*plan, error) {
	p := &plan{nodes: make(map[string]*node), manifest: manifest{Files: make(map[string]string)}}
	var complete []Entry
	for _, e := range entries {
		if err := e.validate(); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(complete, func(c Entry) bool { return c.LinkName == e.LinkName }) {
			return nil, conflict(e.LinkName, "two certificates use this link name")
		}
		ok, err := p.add(e, current)
		if err != nil {
			return nil, err
		}
		if !ok {
			p.incomplete = append(p.incomplete, e)
			if e.Version != "" {
				p.missing = append(p.missing, e.LinkName)
			}
			continue
		}
		complete = append(complete, e)
	}
	p.addPrevious(complete, current)
	for name, n := range p.nodes {
		if n.kind == fileNode {
			p.manifest.Files[name] = n.sum
		}
	}
	slices.SortFunc(p.manifest.Certificates, func(a, b Installed) int { return strings.Compare(a.LinkName, b.LinkName) })
	return p, nil
}

// add adds the files of an entry. It returns false if the entry has no Files and the current
// generation has no complete files for it.
func (p *plan) add(e Entry, current *generation) (bool, error) {
	c := Installed{FileName: e.FileName, LinkName: e.LinkName, Version: e.Version, Leaf: Leaf{
		Fingerprint: e.Leaf.Fingerprint, NotBefore: e.Leaf.NotBefore.UTC(), NotAfter: e.Leaf.NotAfter.UTC()}}
	var files map[string]*node
	if e.Files.empty() {
		kept, ok := current.find(e)
		if !ok {
			return false, nil
		}
		c.Leaf, c.Formats = kept.Leaf, kept.Formats
		files = current.carried(kept, c)
	} else {
		c.Formats = e.Files.formats()
		files = e.Files.nodes(c, current)
	}
	for name, n := range files {
		n.access, n.keepPerm = e.Access, e.KeepAccess && e.Files.empty()
		if err := p.put(name, n); err != nil {
			return false, err
		}
	}
	p.manifest.Certificates = append(p.manifest.Certificates, c)
	return true, p.addNames(c)
}

// addNames adds the link to the current version, and the directory of the split format.
func (p *plan) addNames(c Installed) error {
	for _, format := range c.Formats {
		var err error
		switch format {
		case contract.FormatPEM:
			err = p.put(c.LinkName, &node{kind: linkNode, target: versioned(c.FileName, c.Version)})
		case contract.FormatSplit:
			err = p.put(c.LinkName+splitSuffix, &node{kind: dirNode})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// put adds a node. Two entries can share the file of a version; then the readers of both may read
// it.
func (p *plan) put(name string, n *node) error {
	for element := range strings.SplitSeq(name, "/") {
		if err := checkName(element); err != nil {
			return err
		}
	}
	old, ok := p.nodes[name]
	if !ok {
		p.nodes[name] = n
		return nil
	}
	if old.kind != fileNode || n.kind != fileNode || old.sum != n.sum {
		return conflict(name, "two certificates write different files with this name")
	}
	old.access, old.keepPerm = old.access.union(n.access), old.keepPerm || n.keepPerm
	return nil
}

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

// topLevelNames returns the names that need a link in the store's directory: all names at the top
// of the generation.
func (p *plan) topLevelNames() []string {
	names := make(map[string]bool)
	for name := range p.nodes {
		first, _, _ := strings.Cut(name, "/")
		names[first] = true
	}
	return slices.Sorted(maps.Keys(names))
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
