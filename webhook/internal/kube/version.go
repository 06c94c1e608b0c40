package kube

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/version"
)

// parseVersion reads the response of /version. Minor can end in a "+", as in hosted clusters.
func parseVersion(data []byte) (Version, error) {
	var info version.Info
	if err := json.Unmarshal(data, &info); err != nil {
		return Version{}, fmt.Errorf("the API server's version is not JSON: %w", err)
	}
	major, err := strconv.Atoi(info.Major)
	if err != nil {
		return Version{}, fmt.Errorf("the API server's major version %q is not a number", info.Major)
	}
	minor, err := strconv.Atoi(strings.TrimSuffix(info.Minor, "+"))
	if err != nil {
		return Version{}, fmt.Errorf("the API server's minor version %q is not a number", info.Minor)
	}
	return Version{Major: major, Minor: minor}, nil
}
