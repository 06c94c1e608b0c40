package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"path"
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
	files := e.Files.byName(c)
	if e.Files.empty() {
		kept, ok := current.find(e)
		if !ok {
			return false, nil
		}
		c.Leaf, c.Formats = kept.Leaf, kept.Formats
		files = make(map[string]*node)
		for name, sum := range current.manifest.Files {
			if kept.owns(name) {
				files[relink(name, kept, c)] = &node{sum: sum, from: name}
			}
		}
	} else {
		c.Formats = e.Files.formats()
		for name, n := range files {
			n.sum = sum(n.data)
			if current.manifest.Files[name] == n.sum {
				n.from = name
			}
		}
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

// relink gives a kept file the name that it has under another link name.
func relink(name string, from, to Installed) string {
	if name == versioned(from.FileName, from.Version) {
		return name
	}
	return to.LinkName + strings.TrimPrefix(name, from.LinkName)
}

func (f Files) empty() bool {
	return f.PEM == nil && f.Split == nil && f.PKCS12 == nil && f.JKS == nil
}

func (f Files) formats() (formats []string) {
	if f.PEM != nil {
		formats = append(formats, contract.FormatPEM)
	}
	if f.Split != nil {
		formats = append(formats, contract.FormatSplit)
	}
	if f.PKCS12 != nil {
		formats = append(formats, contract.FormatPKCS12)
	}
	if f.JKS != nil {
		formats = append(formats, contract.FormatJKS)
	}
	return formats
}

func (f Files) byName(c Installed) map[string]*node {
	nodes := make(map[string]*node)
	if f.PEM != nil {
		nodes[versioned(c.FileName, c.Version)] = &node{data: f.PEM}
	}
	for name, data := range f.Split {
		nodes[path.Join(c.LinkName+splitSuffix, name)] = &node{data: data}
	}
	if f.PKCS12 != nil {
		nodes[c.LinkName+pkcs12Suffix] = &node{data: f.PKCS12}
	}
	if f.JKS != nil {
		nodes[c.LinkName+jksSuffix] = &node{data: f.JKS}
	}
	return nodes
}

func (e Entry) validate() error {
	names := append([]string{e.FileName, e.LinkName}, slices.Collect(maps.Keys(e.Files.Split))...)
	if e.Version != "" || !e.Files.empty() {
		names = append(names, e.Version)
	}
	for _, name := range names {
		if err := checkName(name); err != nil {
			return err
		}
	}
	return nil
}

const maxNameBytes = 255 // NAME_MAX of Linux

// checkName accepts one path element that is neither hidden behind "..", which is how the names of the
// store's own begin, nor the manifest's.
func checkName(name string) error {
	switch {
	case name == "", name == ".", name == manifestName, strings.HasPrefix(name, ".."),
		strings.ContainsAny(name, "/\x00"), len(name) > maxNameBytes:
		return &Error{Reason: Invalid, Op: "name", Path: name, Err: errors.New("cannot be a file name in the store"),
			Do: `use one path element of at most 255 bytes that does not begin with ".."`}
	}
	return nil
}

func conflict(name, why string) *Error {
	return &Error{Reason: Conflict, Op: "plan", Path: name, Err: errors.New(why),
		Do: "give one of them another customSymbolicLinkName or certificateStoreLocation"}
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}
