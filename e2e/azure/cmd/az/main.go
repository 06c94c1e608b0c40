// Command az plays the part of the Azure CLI that the documentation uses, against a running
// emulator. So a test can run the commands of a page as they are written there.
//
//	az identity create --name shop --resource-group shop --location westeurope
//	az role assignment create --role "Key Vault Secrets User" --assignee-object-id ... --scope ...
//
// It knows the commands of the table in commands.go, with the options and the JSON of the real
// program, and refuses everything else. What a command needs must exist: a resource group, a role
// for the one who creates a certificate. Only the role "Key Vault Secrets User" lets an identity
// read a vault, and only a federated credential whose three values match lets it get a token: the
// emulator checks both.
//
// Variables: AZURE_EMULATOR_ADMIN is the URL of the emulator's admin API, AZ_STATE the file with
// the resources that were created, AZ_TENANT the tenant, AZ_ISSUER the issuer of the cluster's
// tokens, and AZ_KUBECONFIG the kubeconfig that "az aks get-credentials" copies. The exit code is
// 0, 1 after a failure and 2 for wrong usage, as in the real program.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// errUsage marks an error as wrong usage.
var errUsage = errors.New("wrong usage")

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := do(ctx, args, stdout)
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "ERROR: %v\n", err)
	if errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

// do runs one command and prints its result.
func do(ctx context.Context, args []string, stdout io.Writer) error {
	name, options := split(args)
	c, known := commands[name]
	if !known {
		return fmt.Errorf("%w: az %s is not played here", errUsage, name)
	}
	given, err := parse(c, options)
	if err != nil {
		return fmt.Errorf("%w: az %s: %w", errUsage, name, err)
	}
	s, err := load(os.Getenv("AZ_STATE"))
	if err != nil {
		return err
	}
	i := &invocation{ctx: ctx, options: given, state: s, emulator: azure.NewAdminClient(os.Getenv("AZURE_EMULATOR_ADMIN"), nil)}
	result, err := c.run(i)
	if err != nil {
		return err
	}
	if err := s.save(os.Getenv("AZ_STATE")); err != nil {
		return err
	}
	return write(stdout, result, given["--query"], given["--output"])
}

// split separates the words of the command from its options.
func split(args []string) (name string, options []string) {
	n := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") })
	if n < 0 {
		n = len(args)
	}
	return strings.Join(args[:n], " "), args[n:]
}

// parse reads "--name value" and "--switch", and checks that all required options are given.
func parse(c command, args []string) (map[string]string, error) {
	given := map[string]string{}
	for len(args) > 0 {
		name := args[0]
		if short, ok := shortNames[name]; ok {
			name = short
		}
		switch {
		case slices.Contains(c.switches, name):
			given[name], args = "true", args[1:]
		case !slices.Contains(slices.Concat(c.required, c.optional, []string{"--query", "--output"}), name):
			return nil, fmt.Errorf("unrecognized arguments: %s", name)
		case len(args) < 2 || strings.HasPrefix(args[1], "--"):
			return nil, fmt.Errorf("argument %s: expected one argument", name)
		default:
			given[name], args = args[1], args[2:]
		}
	}
	for _, name := range c.required {
		if given[name] == "" {
			return nil, fmt.Errorf("the following arguments are required: %s", name)
		}
	}
	return given, nil
}

var shortNames = map[string]string{"-n": "--name", "-g": "--resource-group", "-o": "--output", "-l": "--location", "-y": "--yes"}

// write prints the part of a result that the query selects, as JSON or, with tsv, as plain text.
func write(w io.Writer, result any, query, format string) error {
	if result == nil || format == "none" {
		return nil
	}
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	if query != "" {
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			return err
		}
		for key := range strings.SplitSeq(query, ".") {
			object, ok := value.(map[string]any)
			if !ok {
				return fmt.Errorf("%w: --query %s: only paths of keys are played here", errUsage, query)
			}
			value = object[key]
		}
		if plain, ok := value.(string); ok && format == "tsv" {
			_, err := fmt.Fprintln(w, plain)
			return err
		}
		if text, err = json.MarshalIndent(value, "", "  "); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}
