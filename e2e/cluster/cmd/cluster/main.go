// Command cluster starts and ends a one-node Kubernetes on this machine, and runs commands against
// it.
//
//	cluster up              start the node, or say that it runs; it stays until "down"
//	cluster down            end it and remove everything of it, also after a crash
//	cluster build           build the pinned programs into the cache, start nothing
//	cluster path PROGRAM    print the path of a pinned program, such as helm, building it if needed
//	cluster env             print how to use it from a shell
//	cluster kubectl ARGS    run kubectl (or helm ARGS) against it
//
// The environment variable CLUSTER_NAME selects the cluster. The default is the cluster that the
// tests use. Ctrl-C during "up" removes what has been started.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/cluster"
)

func main() {
	err := run(os.Args[1:])
	var ours *cluster.CommandError
	var theirs *exec.ExitError
	switch {
	case err == nil:
	case !errors.As(err, &ours) && errors.As(err, &theirs):
		os.Exit(theirs.ExitCode()) // kubectl or helm has already printed the reason
	default:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	options := cluster.Options{Name: os.Getenv("CLUSTER_NAME")}
	if len(args) == 0 {
		return errors.New("usage: cluster up | down | build | path PROGRAM | env | kubectl ARGS | helm ARGS")
	}
	switch verb := args[0]; verb {
	case "up":
		options.Keep = true
		return with(ctx, options, printEnv)
	case "down":
		return cluster.Down(ctx, options)
	case "build":
		return cluster.Build(ctx, os.Stderr)
	case "path":
		return printPath(ctx, args[1:])
	case "env":
		return with(ctx, options, printEnv)
	case "kubectl", "helm":
		return with(ctx, options, func(c *cluster.Cluster) error {
			cmd := c.Command(ctx, verb, args[1:]...)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
			return cmd.Run()
		})
	default:
		return fmt.Errorf("cluster: unknown command %q: want up, down, build, path, env, kubectl or helm", verb)
	}
}

// with runs do on the cluster. Only "up" starts a cluster.
func with(ctx context.Context, o cluster.Options, do func(*cluster.Cluster) error) error {
	connect := cluster.Attach
	if o.Keep {
		connect = cluster.Up
	}
	c, err := connect(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(do(c), c.Release(context.WithoutCancel(ctx)))
}

func printEnv(c *cluster.Cluster) error {
	fmt.Print(c.Usage())
	return nil
}

func printPath(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("usage: cluster path PROGRAM")
	}
	path, err := cluster.Program(ctx, os.Stderr, args[0])
	if err != nil {
		return err
	}
	fmt.Println(path)
	return nil
}
