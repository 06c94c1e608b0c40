package store

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

func (f Files) empty() bool {
	return len(f.formats()) == 0
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
	if f.KeyID != nil {
		formats = append(formats, contract.FormatKeyID)
	}
	return formats
}

// nodes returns the files by their names in a generation. If the current generation has the same
// content, from is set.
func (f Files) nodes(c Installed, current *generation) map[string]*node {
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
	for suffix, data := range f.KeyID {
		nodes[c.LinkName+suffix] = &node{data: data}
	}
	for name, n := range nodes {
		n.sum = sum(n.data)
		if current.manifest.Files[name] == n.sum {
			n.from = name
		}
	}
	return nodes
}

// carried returns the files of the installed certificate from, by the names that they have as to.
func (g *generation) carried(from, to Installed) map[string]*node {
	nodes := make(map[string]*node)
	for name, sum := range g.manifest.Files {
		if from.includes(name) {
			nodes[renamed(name, from, to)] = &node{sum: sum, from: name}
		}
	}
	return nodes
}

// renamed returns the name of a kept file under the link name of to.
func renamed(name string, from, to Installed) string {
	if name == versioned(from.FileName, from.Version) {
		return name
	}
	return to.LinkName + strings.TrimPrefix(name, from.LinkName)
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}
