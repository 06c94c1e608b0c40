package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/commandline"
)

// statusTime is how long the process may take to return its status.
const statusTime = 5 * time.Second

const outputJSON = "json"

// Status prints the state of every certificate of the running process, and returns the exit code: 0
// if the process responded, whatever the state.
func Status(args []string) int {
	f := flag.NewFlagSet("certsync "+contract.CommandStatus, flag.ContinueOnError)
	output := f.String("o", "", "output `FORMAT`: a table if empty, or "+outputJSON)
	chain := f.Bool("chain", false, "with -o "+outputJSON+": add the certificates of each chain in PEM, without the key")
	socket := addSocket(f)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "certsync %s prints the state of every certificate of the running process.\n\nFlags:\n", contract.CommandStatus)
		f.PrintDefaults()
	}
	err := commandline.Parse(f, args, onlyFlags)
	if err == nil && *output != "" && *output != outputJSON {
		err = fmt.Errorf("flag -o: value %q: must be %s, or empty for a table", *output, outputJSON)
		fmt.Fprintln(os.Stderr, "certsync:", err)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return contract.ExitUsage
	}
	s, err := fetchStatus(newClient(*socket))
	if err == nil {
		if *chain {
			addChains(s)
		}
		err = printStatus(os.Stdout, s, *output)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "certsync:", err)
		return contract.ExitFailure
	}
	return 0
}

func fetchStatus(c *client) (*contract.Status, error) {
	ctx, cancel := context.WithTimeout(context.Background(), statusTime)
	defer cancel()
	code, body, err := c.do(ctx, http.MethodGet, contract.PathDetails)
	if err != nil {
		return nil, errors.New(c.explain(err))
	}
	var s contract.Status
	if code != http.StatusOK || json.Unmarshal(body, &s) != nil {
		return nil, fmt.Errorf("the process on %s does not return a status (response %d): it may be an older version: restart it", c.socket, code)
	}
	return &s, nil
}

// addChains adds the chains of the certificates that are in the store. A file that cannot be read
// becomes a warning.
func addChains(s *contract.Status) {
	for i := range s.Certificates {
		c := &s.Certificates[i]
		if c.Version == "" {
			continue
		}
		chain, err := chainOf(c.Path)
		if err != nil {
			c.Warnings = append(c.Warnings, fmt.Sprintf("the chain cannot be read: %v", err))
		}
		c.Chain = chain
	}
}

func printStatus(w io.Writer, s *contract.Status, output string) error {
	if output == outputJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(s)
	}
	t := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	fmt.Fprintln(t, "CERTIFICATE\tVERSION\tEXPIRES\tSTATE\tREASON")
	for _, c := range s.Certificates {
		expires, reason := "-", "-"
		if c.NotAfter != nil {
			expires = c.NotAfter.Format(time.RFC3339)
		}
		if c.Failure != nil {
			reason = strings.ReplaceAll(c.Failure.Message, "\n", "; ")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", c.URL, cmp.Or(c.Version, "-"), expires, c.State, reason)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s: %s (certsync %s)\n", s.State, s.Reason, s.SidecarVersion)
	return err
}
