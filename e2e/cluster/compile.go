package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// buildPrograms returns the projects' programs, and builds those that are not in the cache. Several
// processes may call it at the same time: one builds, the others wait.
func buildPrograms(ctx context.Context, repo string, log *progress, projects ...project) (programs, error) {
	pins, err := readPins(ctx, filepath.Join(repo, programsModule))
	if err != nil {
		return nil, err
	}
	parent, err := cacheDir("programs")
	if err != nil {
		return nil, err
	}
	held, err := lockPath(ctx, filepath.Join(parent, "lock"), unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	defer held.remove()
	var all, missing []release
	for _, p := range projects {
		r, err := pins.release(p)
		if err != nil {
			return nil, fmt.Errorf("%s/go.mod: %w", pins.dir, err)
		}
		all = append(all, r)
		if _, err := os.Stat(r.cached(parent)); err != nil {
			missing = append(missing, r)
		}
	}
	if err := compileAll(ctx, pins.dir, parent, missing, log); err != nil {
		return nil, err
	}
	found := programs{}
	for i := range all {
		dir := all[i].cached(parent)
		markUsed(dir, all[i].name+"-v")
		for _, name := range all[i].names() {
			found[name] = filepath.Join(dir, name)
		}
	}
	return found, nil
}

// cached returns the release's directory below the cache's.
func (r *release) cached(parent string) string {
	return filepath.Join(parent, fmt.Sprintf("%s-%s-%s", r.name, r.version, r.key))
}

// compileAll compiles the releases one after the other, and reports how much of all of them is
// done.
func compileAll(ctx context.Context, src, parent string, missing []release, log *progress) error {
	if len(missing) == 0 {
		return nil
	}
	for i := range missing {
		if err := missing[i].ensureCompiler(ctx, log); err != nil {
			return err
		}
	}
	work, err := listWork(ctx, src, missing)
	if err != nil {
		return err
	}
	for i := range missing {
		r := &missing[i]
		what := fmt.Sprintf("build %s %s", r.name, r.version)
		step := func() error { return r.compile(ctx, src, r.cached(parent), work) }
		if err := log.measured(what, work.state, step); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// compile builds into a directory beside dir and renames it, so that dir is complete if it exists.
// The caller holds the lock, so a directory that already exists is left from a build that was
// killed.
func (r *release) compile(ctx context.Context, src, dir string, work *compilation) error {
	partial := dir + ".building"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	defer os.RemoveAll(partial)
	build := r.goCommand(ctx, src, "build", "-v", "-ldflags", r.linkFlags(), "-o", partial+"/")
	build.Stderr = work
	if _, err := output(build); err != nil {
		return err
	}
	for built, customary := range r.rename {
		if err := os.Rename(filepath.Join(partial, built), filepath.Join(partial, customary)); err != nil {
			return err
		}
	}
	work.finished(r)
	return os.Rename(partial, dir)
}

// compilerFiles maps each Debian package that is needed to build C to one of its files or programs.
var compilerFiles = map[string]string{
	"gcc": "gcc", "libc6-dev": "/usr/include/features.h", "libseccomp-dev": "/usr/include/seccomp.h",
}

// ensureCompiler installs what the project needs to build C.
func (r *release) ensureCompiler(ctx context.Context, log *progress) error {
	wanted := map[string]string{}
	for _, pkg := range r.cgo {
		wanted[pkg] = compilerFiles[pkg]
	}
	return ensurePackages(ctx, wanted, log)
}
