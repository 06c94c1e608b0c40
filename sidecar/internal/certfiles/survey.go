//go:build !windows

package certfiles

import (
	"fmt"
	"io"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/store"
)

// PrintSurvey writes, for people, what is in the way of certificates in their stores, and which
// links of the Key Vault VM extension the stores would adopt. It changes nothing.
func PrintSurvey(w io.Writer, certificates []contract.Certificate, o store.Options) {
	for _, c := range certificates {
		found, err := store.Survey(c.Store, o, c.FileName(), c.LinkName, c.Formats)
		if err != nil {
			fmt.Fprintf(w, "in the way:           %v\n", err)
		}
		for _, standing := range found {
			switch {
			case standing.Err != nil:
				fmt.Fprintf(w, "in the way:           %v\n", standing.Err)
			case standing.Target != "":
				fmt.Fprintf(w, "adopts:               %s -> %s\n", standing.Path, standing.Target)
			default:
				fmt.Fprintf(w, "adopts:               %s\n", standing.Path)
			}
		}
	}
}
