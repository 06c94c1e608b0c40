package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/klog/v2"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/buildinfo"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/cluster"
)

// exitAccess is the exit code if the cluster does not respond, or does not allow the request. The
// others are those of all programs.
const exitAccess = 3

// errFound ends a command that has printed a problem. It has no text.
var errFound = errors.New("")

// usageError is returned for wrong arguments.
type usageError struct{ error }

// plugin holds what the commands share.
type plugin struct {
	build buildinfo.Info
	flags *genericclioptions.ConfigFlags
	genericiooptions.IOStreams
}

// Run runs the plugin with arguments and returns the exit code.
func Run(build buildinfo.Info, args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &plugin{
		build: build, flags: genericclioptions.NewConfigFlags(true),
		IOStreams: genericiooptions.IOStreams{In: in, Out: out, ErrOut: errOut},
	}
	// The libraries also return what they log.
	klog.SetLogger(logr.Discard())
	root := p.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	var usage usageError
	var access *cluster.AccessError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFound):
		return contract.ExitFailure
	case errors.As(err, &usage), isUnknownCommand(err):
		fmt.Fprintf(errOut, "error: %v\nSee 'kubectl certsync --help'.\n", err)
		return contract.ExitUsage
	case errors.As(err, &access):
		fmt.Fprintln(errOut, "error:", access.Text)
		return exitAccess
	}
	fmt.Fprintln(errOut, "error:", err)
	return contract.ExitFailure
}

// isUnknownCommand reports whether cobra did not find the command. It has no type for this error.
func isUnknownCommand(err error) bool { return strings.HasPrefix(err.Error(), "unknown command") }

func (p *plugin) root() *cobra.Command {
	root := &cobra.Command{
		Use:         "kubectl-certsync",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl certsync"},
		Short:       "Show and check the Key Vault certificates of pods",
		Long: `Show and check the Azure Key Vault certificates that azure-cert-sync keeps in pods.

Exit codes: 0 success; 1 the command failed, or found a problem; 2 wrong arguments;
3 the cluster does not respond, or does not allow the request.`,
		Example: `  # every certificate of the cluster
  kubectl certsync status -A

  # why is this pod not ready?
  kubectl certsync doctor shop-6d4b75cb6d-hwxzk`,
		Version:      p.build.String(),
		SilenceUsage: true, SilenceErrors: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("kubectl certsync {{.Version}}\n")
	p.flags.AddFlags(root.PersistentFlags())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(p.statusCommand(), p.checkCommand(), p.explainCommand(), p.doctorCommand(), p.syncCommand(), p.inspectCommand(),
		p.migrateCommand(), p.bugReportCommand(), p.versionCommand())
	return root
}

// connect returns a client for the cluster of the flags.
func (p *plugin) connect() (*cluster.Client, error) {
	return cluster.Connect(p.flags, "kubectl-certsync/"+p.build.Version)
}

// connectTo returns a client for the cluster of the flags, and the pod that an argument names.
func (p *plugin) connectTo(ctx context.Context, arg string) (*cluster.Client, *corev1.Pod, error) {
	c, err := p.connect()
	if err != nil {
		return nil, nil, err
	}
	pod, err := c.Pod(ctx, podName(arg))
	return c, pod, err
}

// podArgs accepts exactly one pod, and further arguments up to most.
func podArgs(most int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return usageError{errors.New("name a pod")}
		case len(args) > most:
			return usageError{fmt.Errorf("unexpected argument %q", args[most])}
		}
		return nil
	}
}

// atMost accepts a number of arguments.
func atMost(most int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > most {
			return usageError{fmt.Errorf("unexpected argument %q", args[most])}
		}
		return nil
	}
}

// podName accepts "NAME" and "pod/NAME", as kubectl does.
func podName(arg string) string {
	for _, prefix := range []string{"pod/", "pods/"} {
		if name, ok := strings.CutPrefix(arg, prefix); ok {
			return name
		}
	}
	return arg
}
