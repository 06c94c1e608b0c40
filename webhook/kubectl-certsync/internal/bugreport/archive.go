package bugreport

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"sigs.k8s.io/yaml"
)

// archive is a tar.gz whose files are scrubbed.
type archive struct {
	zip  *gzip.Writer
	tar  *tar.Writer
	time time.Time
	err  error // the first one
}

func newArchive(w io.Writer, at time.Time) *archive {
	z := gzip.NewWriter(w)
	return &archive{zip: z, tar: tar.NewWriter(z), time: at}
}

// add adds a file. An error is kept for close.
func (a *archive) add(name string, content []byte) {
	if a.err != nil {
		return
	}
	content = Scrub(content)
	a.err = a.tar.WriteHeader(&tar.Header{Name: "certsync-report/" + name, Mode: 0o600, Size: int64(len(content)), ModTime: a.time})
	if a.err == nil {
		_, a.err = a.tar.Write(content)
	}
}

func (a *archive) addYAML(name string, value any) {
	text, err := yaml.Marshal(value)
	if err != nil {
		text = fmt.Appendf(nil, "cannot be encoded: %v\n", err)
	}
	a.add(name, text)
}

func (a *archive) addJSON(name string, value any) {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		text = fmt.Appendf(nil, "cannot be encoded: %v\n", err)
	}
	a.add(name, append(text, '\n'))
}

func (a *archive) close() error {
	for _, c := range []io.Closer{a.tar, a.zip} {
		if err := c.Close(); err != nil && a.err == nil {
			a.err = err
		}
	}
	return a.err
}
