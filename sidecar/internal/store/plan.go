package store

import (
	"maps"
	"slices"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// plan is a generation before it is written: everything that can be wrong with the entries is found
// while it is made, from what is in memory.
type plan struct {
	nodes    map[string]*node // by name in the generation
	manifest manifest
	missing  []string
	// partial are the entries of which whatever is there is to be kept: the missing ones, and those that
	// have no version yet.
	partial []Entry
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

	data   []byte // of a file; nil where only from has it
	sum    string
	from   string // the file of the current generation with this content, or ""
	access Access
	// asIs says that who may read the file does not change: perm is what it has.
	asIs bool
	perm perm
	// linked says that the file is carried forward by a hard link to from.
	linked bool
}

func makePlan(entries []Entry, current *generation) (*plan, error) {
	p := &plan{nodes: make(map[string]*node), manifest: manifest{Files: make(map[string]string)}}
	var taken []Entry
	for _, e := range entries {
		if err := e.validate(); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(taken, func(t Entry) bool { return t.LinkName == e.LinkName }) {
			return nil, conflict(e.LinkName, "two certificates have this link name")
		}
		ok, err := p.add(e, current)
		if err != nil {
			return nil, err
		}
		if !ok {
			p.partial = append(p.partial, e)
			if e.Version != "" {
				p.missing = append(p.missing, e.LinkName)
			}
			continue
		}
		taken = append(taken, e)
	}
	p.addPrevious(taken, current)
	for name, n := range p.nodes {
		if n.kind == fileNode {
			p.manifest.Files[name] = n.sum
		}
	}
	slices.SortFunc(p.manifest.Certificates, func(a, b Installed) int { return strings.Compare(a.LinkName, b.LinkName) })
	return p, nil
}

// add returns false where the entry's files are to be kept and are not there.
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
		n.access, n.asIs = e.Access, e.KeepAccess && e.Files.empty()
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

// put adds a node. The one that may be there already is a version's file that two entries share; it is
// then read by whom either lets in.
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
		return conflict(name, "two certificates write a different file of this name")
	}
	old.access, old.asIs = old.access.union(n.access), old.asIs || n.asIs
	return nil
}

// addPrevious keeps, beside each PEM file, that of the version before it.
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
		if n, there := p.nodes[name]; !there {
			p.nodes[name] = &node{sum: sum, from: name, access: e.Access, asIs: e.KeepAccess}
		} else if n.kind == fileNode {
			n.access = n.access.union(e.Access)
		} else {
			continue
		}
		c.Previous = previous
	}
}

// top returns the names that need a link in the store's directory: everything in the generation.
func (p *plan) top() []string {
	names := make(map[string]bool)
	for name := range p.nodes {
		first, _, _ := strings.Cut(name, "/")
		names[first] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// unchanged says that the current generation is what the plan would make. Damage is made good as soon as
// nothing is missing for it.
func (p *plan) unchanged(current *generation) (bool, error) {
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
	there := current.manifest
	if current.damaged {
		there.AsIs = p.manifest.AsIs
	}
	published, err := there.encode()
	return err == nil && string(planned) == string(published), err
}
