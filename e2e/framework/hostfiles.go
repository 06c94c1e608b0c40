package framework

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// libraryLine matches what ldd prints for a library: with "=>", and for the loader without.
var libraryLine = regexp.MustCompile(`(?m)^\s*(?:\S+ => )?(/\S+) \(0x`)

// AddPrograms adds programs of this machine and the libraries that they load to the files of an
// image, under the same paths.
func AddPrograms(ctx context.Context, files map[string]string, programs ...string) error {
	for _, program := range programs {
		out, err := exec.CommandContext(ctx, "ldd", program).CombinedOutput()
		if err != nil && !strings.Contains(string(out), "not a dynamic executable") {
			return fmt.Errorf("ldd %s: %w: %s", program, err, out)
		}
		for _, match := range libraryLine.FindAllStringSubmatch(string(out), -1) {
			files[match[1]] = match[1]
		}
		files[program] = program
	}
	return nil
}

// AddTree adds all files below a directory of this machine to the files of an image, below target.
// Links to files become files.
func AddTree(files map[string]string, dir, target string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		inner, err := filepath.Rel(dir, path)
		files[filepath.Join(target, inner)] = path
		return err
	})
}
