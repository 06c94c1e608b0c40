package explain

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/cluster"
	"github.com/azure-cert-sync/azure-cert-sync/webhook/kubectl-certsync/internal/install"
)

// assumedMinor is the minor version of Kubernetes that is assumed without a cluster. Native
// sidecars are the default from 1.32.
const assumedMinor = 32

// Webhook is the configuration of the webhook that explains pods.
type Webhook struct {
	Flags        install.Flags
	Original     bool // the Azure Workload Identity webhook is installed
	Major, Minor int
	// Source says where the configuration comes from.
	Source string
	Notes  []string
}

// DefaultWebhook is the chart's default configuration.
func DefaultWebhook() *Webhook {
	return &Webhook{
		Flags: install.Flags{}, Major: 1, Minor: assumedMinor, Source: "the chart's defaults",
		Notes: []string{fmt.Sprintf("no cluster is used: the chart's defaults and Kubernetes 1.%d are assumed", assumedMinor)},
	}
}

// InstalledWebhook reads the configuration of the installed webhook. What it cannot read, it
// assumes. The error is a *cluster.AccessError if the API server does not respond.
func InstalledWebhook(ctx context.Context, c *cluster.Client) (*Webhook, error) {
	w := DefaultWebhook()
	w.Notes = nil
	version, err := c.ServerVersion(ctx)
	if err != nil {
		return nil, err
	}
	w.Major, _ = strconv.Atoi(version.Major)
	w.Minor, _ = strconv.Atoi(strings.TrimSuffix(version.Minor, "+"))
	in, err := install.Find(ctx, c)
	var access *cluster.AccessError
	switch {
	case errors.Is(err, install.ErrNotInstalled):
		w.Original = in.Original
		w.Notes = append(w.Notes, "the webhook is not installed in this cluster: the chart's defaults are assumed")
		return w, nil
	case errors.As(err, &access):
		w.Original = in != nil && in.Original
		w.Notes = append(w.Notes, "the webhook's configuration cannot be read, so the chart's defaults are assumed: "+access.Text)
		return w, nil
	case err != nil:
		return nil, err
	}
	w.Original = in.Original
	if in.Deployment == nil {
		w.Notes = append(w.Notes, "the webhook's Deployment does not exist: the chart's defaults are assumed")
		return w, nil
	}
	w.Flags = in.Flags()
	w.Source = fmt.Sprintf("Deployment %s/%s", in.Deployment.Namespace, in.Deployment.Name)
	for _, name := range w.Flags.Unread() {
		w.Notes = append(w.Notes, "the webhook's flag --"+name+" is left out of the patch: only the webhook can read its content")
	}
	return w, nil
}
