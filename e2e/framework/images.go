package framework

import (
	"context"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/cluster"
)

// ProductImages describes the product's images.
func ProductImages() []cluster.BuildSpec {
	return []cluster.BuildSpec{
		{Name: "webhook", Dockerfile: "Dockerfile.webhook", Inputs: []string{"go.mod", "go.sum", "LICENSE", ".ci/notices", "webhook", "sidecar/contract"}},
		{Name: "sidecar", Dockerfile: "Dockerfile.sidecar", Inputs: []string{"go.mod", "go.sum", "LICENSE", ".ci/notices", "sidecar"}},
	}
}

// BuildImages builds the product's images from their Dockerfiles and the images of the test
// programs, and delivers all of them to the cluster.
func (e *Environment) BuildImages(ctx context.Context) error {
	for _, spec := range ProductImages() {
		if _, err := e.Cluster.BuildImage(ctx, spec); err != nil {
			return err
		}
	}
	for _, spec := range []cluster.PackSpec{
		{Name: "azure-emulator", Package: "./e2e/azure/cmd/azure-emulator"},
		{Name: "testapp", Package: "./e2e/testapp"},
	} {
		if _, err := e.Cluster.PackImage(ctx, spec); err != nil {
			return err
		}
	}
	return nil
}
