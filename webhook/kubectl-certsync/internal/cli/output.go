package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/yaml"
)

// Output formats.
const (
	formatJSON = "json"
	formatYAML = "yaml"
	formatWide = "wide"
)

// outputFlag adds the flag -o with formats besides the default one.
func outputFlag(cmd *cobra.Command, format *string, formats ...string) {
	cmd.Flags().StringVarP(format, "output", "o", "", "Output format: "+strings.Join(formats, ", ")+".")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if *format != "" && !slices.Contains(formats, *format) {
			return usageError{fmt.Errorf("flag --output: value %q: must be %s", *format, strings.Join(formats, ", "))}
		}
		return nil
	}
}

// encode prints a value in a format for programs. It reports false for other formats.
func encode(w io.Writer, format string, value any) (done bool, err error) {
	var text []byte
	switch format {
	case formatJSON:
		text, err = json.MarshalIndent(value, "", "  ")
		text = append(text, '\n')
	case formatYAML:
		text, err = yaml.Marshal(value)
	default:
		return false, nil
	}
	if err == nil {
		_, err = w.Write(text)
	}
	return true, err
}

// table prints rows as kubectl does.
func table(w io.Writer, rows [][]string) error {
	t := printers.GetNewTabWriter(w)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = oneLine(cell)
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// oneLine returns a text without line breaks and tabs; "-" for an empty one.
func oneLine(text string) string {
	if text = strings.Join(strings.Fields(text), " "); text == "" {
		return "-"
	}
	return text
}

// timestamp returns a time in a cell.
func timestamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// shorten cuts a text that is too long for a cell.
func shorten(text string, length int) string {
	if runes := []rune(text); len(runes) > length {
		return string(runes[:length-3]) + "..."
	}
	return text
}
