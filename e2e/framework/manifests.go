package framework

import (
	"context"
	"embed"
	"strings"
	"text/template"
)

//go:embed manifests
var manifestFiles embed.FS

var manifestTemplates = template.Must(template.ParseFS(manifestFiles, "manifests/*.yaml"))

// render executes the template of a manifest.
func render(name string, data any) (string, error) {
	var out strings.Builder
	err := manifestTemplates.ExecuteTemplate(&out, name, data)
	return out.String(), err
}

// apply renders a manifest and applies it.
func (e *Environment) apply(ctx context.Context, name string, data any) error {
	manifest, err := render(name, data)
	if err != nil {
		return err
	}
	_, err = e.Cluster.KubectlApply(ctx, manifest)
	return err
}
