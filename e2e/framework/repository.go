package framework

import (
	"errors"
	"os"
	"path/filepath"
)

// repositoryRoot finds the repository's root above the working directory. So the demo runs from
// anywhere in the repository, and tests from their package's folder.
func repositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "charts", "azure-cert-sync", "Chart.yaml")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("cannot find the charts folder: run this within the repository")
		}
		dir = parent
	}
}
