package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// load reads a generation back. What is damaged is left out, and named in the warnings.
func (f *fsys) load(name string) (generation, []string) {
	g := generation{name: name}
	data, err := f.read(path.Join(name, manifestName), maxFileBytes)
	if err == nil {
		err = json.Unmarshal(data, &g.manifest)
	}
	if err != nil {
		g.manifest, g.damaged = manifest{}, true
		return g, []string{"what is in the store cannot be told, so every certificate is fetched again: " +
			manifestName + " is missing or damaged"}
	}
	f.identify(&g)
	for file, want := range g.manifest.Files {
		if sum, err := f.digest(path.Join(name, file)); err != nil || sum != want {
			delete(g.ids, file)
		}
	}
	return g, f.dropDamaged(&g)
}

// identify notes the files of a generation as they are now.
func (f *fsys) identify(g *generation) {
	g.ids = make(map[string]fileID)
	for _, file := range append(slices.Collect(maps.Keys(g.manifest.Files)), manifestName) {
		if info, err := f.root.Lstat(path.Join(g.name, file)); err == nil {
			g.ids[file] = idOf(info)
		}
	}
}

// refresh leaves out what someone else removed or changed since.
func (f *fsys) refresh(g *generation) []string {
	for file, id := range g.ids {
		info, err := f.root.Lstat(path.Join(g.name, file))
		if err == nil && idOf(info) == id {
			continue
		}
		delete(g.ids, file)
		if sum, digestErr := f.digest(path.Join(g.name, file)); err == nil && digestErr == nil && sum == g.manifest.Files[file] {
			g.ids[file] = idOf(info)
		}
	}
	return f.dropDamaged(g)
}

// dropDamaged leaves out every certificate of which a file is not in g.ids, or whose link is wrong.
func (f *fsys) dropDamaged(g *generation) (warnings []string) {
	damaged := func(c Installed) bool {
		for file := range g.manifest.Files {
			if _, whole := g.ids[file]; !whole && c.owns(file) {
				return true
			}
		}
		return slices.Contains(c.Formats, contract.FormatPEM) &&
			f.readlink(path.Join(g.name, c.LinkName)) != versioned(c.FileName, c.Version)
	}
	g.manifest.Certificates = slices.DeleteFunc(g.manifest.Certificates, func(c Installed) bool {
		if !damaged(c) {
			return false
		}
		warnings = append(warnings, fmt.Sprintf("%s: version %s in the store is damaged, it is fetched again", c.LinkName, c.Version))
		return true
	})
	for i := range g.manifest.Certificates {
		c := &g.manifest.Certificates[i]
		if _, whole := g.ids[versioned(c.FileName, c.Previous)]; !whole {
			c.Previous = ""
		}
	}
	for file := range g.manifest.Files {
		if _, whole := g.ids[file]; !whole {
			delete(g.manifest.Files, file)
			g.damaged = true
		}
	}
	if _, whole := g.ids[manifestName]; g.name != "" && !whole || len(warnings) > 0 {
		g.damaged = true
	}
	return warnings
}
