package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract/buildinfo"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/admittest"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/internal/kube"
)

const commandAdmitTest = "admit-test"

// admitTestTime is longer than the longest timeout of a webhook, 30 s.
const admitTestTime = 40 * time.Second

// admitTest runs the command, and returns the exit code.
func admitTest(args []string) int {
	f := flag.NewFlagSet("webhook "+commandAdmitTest, flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "Usage: webhook %s [flags]\n\nAdmits a pod by a dry run of the API server, and prints what failed.\n\n", commandAdmitTest)
		f.PrintDefaults()
	}
	var o admittest.Options
	kubeconfig := f.String("kubeconfig", "", "`file` for a cluster other than the one that the process runs in")
	f.StringVar(&o.Namespace, "namespace", "default", "`namespace` of the pod")
	f.StringVar(&o.VaultSuffix, "vault-suffix", contract.DefaultVaultSuffixes()[0], "DNS `suffix` of the vault that the pod names")
	selector := f.String("labels", "", "`labels` of the pod, such as a=b,c=d, beside the one that selects it")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return contract.ExitUsage // the error was printed
	case f.NArg() > 0:
		fmt.Fprintf(os.Stderr, "webhook %s: unexpected argument %q\n", commandAdmitTest, f.Arg(0))
		return contract.ExitUsage
	}
	set, err := labels.ConvertSelectorToLabelsMap(*selector)
	if err != nil {
		fmt.Fprintf(os.Stderr, "webhook %s: flag --labels: value %q: %v\n", commandAdmitTest, *selector, err)
		return contract.ExitUsage
	}
	o.Labels = set
	ctx, cancel := context.WithTimeout(context.Background(), admitTestTime)
	defer cancel()
	api, err := kube.Connect(*kubeconfig, "azure-cert-sync-test/"+buildinfo.Get().Version)
	if err != nil {
		fmt.Fprintf(os.Stderr, "webhook %s: connecting to the API server: %v\n", commandAdmitTest, err)
		return contract.ExitFailure
	}
	outcome, err := admittest.Run(ctx, api, o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "webhook %s: %v\n", commandAdmitTest, err)
		return contract.ExitFailure
	}
	fmt.Println(outcome)
	return 0
}
