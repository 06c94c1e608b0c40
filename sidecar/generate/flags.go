package main

import (
	"fmt"
	"os/exec"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// program is the sidecar's package.
const program = "github.com/azure-cert-sync/azure-cert-sync/sidecar"

// commands are the sidecar's commands with flags; the first is the program itself.
var commands = []string{"", "probe", contract.CommandStatus, contract.CommandSync}

// flagTable has the flags that the program prints with --help.
func flagTable() (*table, error) {
	t := &table{head: []string{"command", "flag", "meaning"}}
	for _, command := range commands {
		args := append([]string{"run", program}, strings.Fields(command)...)
		help, err := exec.Command("go", append(args, "--help")...).Output()
		if err != nil {
			return nil, fmt.Errorf("%s --help: %w", command, err)
		}
		name := code(strings.TrimSpace("certsync " + command))
		for _, f := range parseHelp(string(help)) {
			t.rows = append(t.rows, []string{name, code(dashes(f[0]) + f[0]), markdown(f[1])})
		}
	}
	return t, nil
}

// dashes returns what is before a flag: one dash if its name has one letter.
func dashes(flag string) string {
	if name, _, _ := strings.Cut(flag, " "); len(name) == 1 {
		return "-"
	}
	return "--"
}

// parseHelp returns the flags with their values, and their descriptions, of what package flag
// prints.
func parseHelp(help string) (list [][2]string) {
	_, help, _ = strings.Cut(help, "Flags:\n")
	for line := range strings.Lines(help) {
		switch {
		case strings.HasPrefix(line, "  -"):
			name, description, _ := strings.Cut(strings.TrimSpace(line), "\t") // a flag of one letter has it in this line
			list = append(list, [2]string{strings.TrimLeft(name, "-"), description})
		case strings.HasPrefix(line, "    ") && len(list) > 0:
			list[len(list)-1][1] += strings.TrimSpace(line)
		default:
			return list // the text after the flags
		}
	}
	return list
}
