package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// loadGeneration reads a generation. It omits damaged certificates, and names them in the warnings.
func (f *fsys) loadGeneration(name string) (generation, []string) {
	g := generation{name: name}
	data, err := f.read(path.Join(name, manifestName))
	if err == nil {
		err = json.Unmarshal(data, &g.manifest)
	}
	if err != nil {
		g.manifest, g.damaged = manifest{}, true
		return g, []string{"the contents of the store are unknown, so every certificate is fetched again: " +
			manifestName + " is missing or damaged"}
	}
	f.recordIDs(&g)
	for file, want := range g.manifest.Files {
		if sum, err := f.digest(path.Join(name, file)); err != nil || sum != want {
			delete(g.ids, file)
		}
	}
	return g, f.dropDamaged(&g)
}

// listGeneration returns what the manifest of a replaced generation lists. Without a manifest, it
// lists nothing.
func (f *fsys) listGeneration(name string) generation {
	g := generation{name: name}
	data, err := f.read(path.Join(name, manifestName))
	if err != nil || json.Unmarshal(data, &g.manifest) != nil {
		g.manifest = manifest{}
	}
	return g
}

// recordIDs records the current state of a generation's files.
func (f *fsys) recordIDs(g *generation) {
	g.ids = make(map[string]fileID)
	for _, file := range append(slices.Collect(maps.Keys(g.manifest.Files)), manifestName) {
		if info, err := f.root.Lstat(path.Join(g.name, file)); err == nil {
			g.ids[file] = idOf(info)
		}
	}
}

// recheck detects files that someone changed or removed since the last check. It omits their
// certificates, and names them in the warnings.
func (f *fsys) recheck(g *generation) []string {
	for file, id := range g.ids {
		full := path.Join(g.name, file)
		info, err := f.root.Lstat(full)
		if err == nil && idOf(info) == id {
			continue
		}
		delete(g.ids, file)
		if sum, digestErr := f.digest(full); err == nil && digestErr == nil && sum == g.manifest.Files[file] {
			g.ids[file] = idOf(info)
		}
	}
	return f.dropDamaged(g)
}

// isDamaged reports whether a file of the certificate is not in g.ids, or its link is wrong.
func (f *fsys) isDamaged(g *generation, c Installed) bool {
	for file := range g.manifest.Files {
		if _, intact := g.ids[file]; !intact && c.includes(file) {
			return true
		}
	}
	return slices.Contains(c.Formats, contract.FormatPEM) &&
		f.readlink(path.Join(g.name, c.LinkName)) != versioned(c.FileName, c.Version)
}

// dropDamaged removes damaged files and certificates from the generation in memory, not from the
// disk.
func (f *fsys) dropDamaged(g *generation) (warnings []string) {
	g.manifest.Certificates = slices.DeleteFunc(g.manifest.Certificates, func(c Installed) bool {
		if !f.isDamaged(g, c) {
			return false
		}
		warnings = append(warnings, fmt.Sprintf("%s: version %s in the store is damaged and is fetched again", c.LinkName, c.Version))
		return true
	})
	for i := range g.manifest.Certificates {
		c := &g.manifest.Certificates[i]
		if _, intact := g.ids[versioned(c.FileName, c.Previous)]; !intact {
			c.Previous = ""
		}
	}
	for file := range g.manifest.Files {
		if _, intact := g.ids[file]; !intact {
			delete(g.manifest.Files, file)
			g.damaged = true
		}
	}
	if _, intact := g.ids[manifestName]; g.name != "" && !intact || len(warnings) > 0 {
		g.damaged = true
	}
	return warnings
}
