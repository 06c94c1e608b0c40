// Package commandline parses the flags of the program and of its commands.
//
// It guarantees that --help prints to standard output and that errors print to standard error with
// the usage.
package commandline

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
)

// Parse parses flags and accepts no other arguments. It has printed the error and the usage when it
// returns an error. After --help the error is flag.ErrHelp, and only the usage was printed. The
// hint follows an unknown argument.
func Parse(f *flag.FlagSet, args []string, hint string) error {
	var text bytes.Buffer
	f.SetOutput(&text)
	err := f.Parse(args)
	if err == nil && f.NArg() > 0 {
		err = fmt.Errorf("unknown argument %q: %s", f.Arg(0), hint)
		fmt.Fprintln(&text, err)
		f.Usage()
	}
	out := os.Stderr
	if errors.Is(err, flag.ErrHelp) {
		out = os.Stdout
	}
	_, _ = text.WriteTo(out) // a failure cannot be reported
	return err
}
