package main

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// images prints what a node downloads for the two images, and what they take on its disk.
func (s *startBench) images(ctx context.Context) error {
	for _, name := range []string{"webhook", "sidecar"} {
		packed, unpacked, err := s.imageSize(ctx, s.env.Cluster.Image(name))
		if err != nil {
			return fmt.Errorf("image %s: %w", name, err)
		}
		s.note(name+": image", "%s to pull, %s on disk", megabytes(packed), megabytes(unpacked))
	}
	return nil
}

// imageSize returns the size of an image's layers, compressed as a registry has them, and not.
func (s *startBench) imageSize(ctx context.Context, reference string) (packed, unpacked int64, err error) {
	var said strings.Builder
	cmd := s.env.Cluster.Containerd(ctx, "images", "export", "-", reference)
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	defer func() {
		if failed := cmd.Wait(); failed != nil {
			err = errors.Join(err, fmt.Errorf("%w: %s", failed, said.String()))
		}
	}()
	archive := tar.NewReader(out)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, out)
			return packed, unpacked, err
		}
		if err != nil {
			return 0, 0, err
		}
		if !strings.HasPrefix(header.Name, "blobs/") {
			continue
		}
		layer := bufio.NewReader(archive)
		if start, _ := layer.Peek(1); string(start) == "{" {
			continue // a manifest or the configuration
		}
		p, u, err := layerSize(layer)
		if err != nil {
			return 0, 0, err
		}
		packed, unpacked = packed+p, unpacked+u
	}
}

// layerSize returns the size of a layer that is not compressed.
func layerSize(layer io.Reader) (packed, unpacked int64, err error) {
	var count counter
	compressor := gzip.NewWriter(&count)
	if unpacked, err = io.Copy(compressor, layer); err == nil {
		err = compressor.Close()
	}
	return int64(count), unpacked, err
}

// counter is a writer that counts.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
