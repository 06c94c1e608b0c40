package framework

import (
	"errors"
	"os"
	"path/filepath"
)

// repositoryRoot finds the folder with the module's go.mod above the working directory, so that the
// demo runs from anywhere in the repository and tests from their package's folder.
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
			return "", errors.New("run this from within the repository: its charts folder was not found")
		}
		dir = parent
	}
}
