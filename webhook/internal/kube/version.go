package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/version"
)

// Version is the version of an API server.
type Version struct{ Major, Minor int }

// ServerVersion reads the API server's version. Every authenticated client has the permission (role
// system:public-info-viewer).
func (c *Client) ServerVersion(ctx context.Context) (Version, error) {
	data, err := c.core.Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return Version{}, fmt.Errorf("reading the API server's version: %w", err)
	}
	return parseVersion(data)
}

// parseVersion parses the response of /version. On hosted clusters, the minor version may end in
// "+".
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
