package main

import (
	"context"
	"fmt"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

func renew(c *invocation, args []string) error {
	var r azure.Renewal
	secretFlags(c, &r.Vault, &r.Name)
	validityFlags(c, &r.NotBefore, &r.NotAfter)
	c.flags.BoolVar(&r.ReuseKey, "reuse-key", false, "keep the private key")
	c.flags.BoolVar(&r.Disabled, "disabled", false, "create the version disabled")
	client, err := c.connect(args, 0)
	if err != nil {
		return err
	}
	version, err := client.Renew(c.ctx, r)
	return printResult(c, version, err)
}

func refFlags(c *invocation, withVersion bool) *azure.SecretRef {
	var ref azure.SecretRef
	secretFlags(c, &ref.Vault, &ref.Name)
	if withVersion {
		c.flags.StringVar(&ref.Version, "version", "", "`version`; default: the newest")
	}
	return &ref
}

func setEnabled(c *invocation, args []string, enabled bool) error {
	ref := refFlags(c, true)
	client, err := c.connect(args, 0)
	if err != nil {
		return err
	}
	return client.SetEnabled(c.ctx, *ref, enabled)
}

func deleteSecret(c *invocation, args []string) error {
	ref := refFlags(c, false)
	client, err := c.connect(args, 0)
	if err != nil {
		return err
	}
	return client.Delete(c.ctx, *ref)
}

func versions(c *invocation, args []string) error {
	ref := refFlags(c, false)
	client, err := c.connect(args, 0)
	if err != nil {
		return err
	}
	list, err := client.Versions(c.ctx, *ref)
	return printResult(c, list, err)
}

func fault(c *invocation, args []string) error {
	var f azure.Fault
	c.flags.StringVar(&f.ID, "id", "", "`name` of the fault; default: created and printed")
	c.flags.StringVar(&f.Service, "service", "", "`service`: entra or keyvault")
	c.flags.StringVar(&f.Operation, "operation", "", "`operation` as in the log, e.g. token or get-secret")
	c.flags.StringVar(&f.Host, "host", "", "`host` name")
	c.flags.StringVar(&f.PathPrefix, "path", "", "beginning of the `path`")
	c.flags.BoolVar(&f.SkipChallenges, "skip-challenges", false, "exclude requests without a token")
	c.flags.IntVar(&f.Count, "count", 0, "how many `requests` fail; 0: all")
	c.flags.TextVar(&f.Delay, "delay", azure.Duration(0), "`time` to wait before the response")
	c.flags.StringVar(&f.Error, "error", "", "`error` of the service, e.g. 700213 or ForbiddenByRbac")
	c.flags.IntVar(&f.Status, "status", 0, "HTTP `status`")
	c.flags.StringVar(&f.RetryAfter, "retry-after", "", "`value` of the header: seconds or an HTTP date")
	c.flags.StringVar(&f.Body, "body", "", "`text` that replaces the body")
	c.flags.StringVar(&f.BodyType, "body-type", "", "its content `type`")
	c.flags.BoolVar(&f.Garbage, "garbage", false, "respond with bytes that are not JSON")
	c.flags.BoolVar(&f.Truncate, "truncate", false, "close the connection in the middle of the body")
	c.flags.TextVar(&f.Drip, "drip", azure.Duration(0), "`pause` between small pieces of the body")
	c.flags.BoolVar(&f.Close, "close", false, "close the connection without a response")
	c.flags.BoolVar(&f.Hang, "hang", false, "do not respond")
	client, err := c.connect(args, 0)
	if err != nil {
		return err
	}
	id, err := client.InjectFault(c.ctx, f)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.stdout, id)
	return err
}

func clearFaults(c *invocation, args []string) error {
	client, err := c.connect(args, -1)
	if err != nil {
		return err
	}
	return client.ClearFaults(c.ctx, c.flags.Args()...)
}

func cutOff(c *invocation, args []string, off bool) error {
	client, err := c.connect(args, 1)
	if err != nil {
		return err
	}
	return client.CutOff(c.ctx, c.flags.Arg(0), off)
}

// requestLog prints a line of JSON for each request, or the counts.
func requestLog(c *invocation, args []string) error {
	var f azure.Filter
	c.flags.StringVar(&f.Service, "service", "", "`service`: entra or keyvault")
	c.flags.StringVar(&f.Operation, "operation", "", "`operation`, e.g. token or get-secret")
	c.flags.StringVar(&f.Host, "host", "", "`host` name")
	c.flags.StringVar(&f.PathPrefix, "path", "", "beginning of the `path`")
	c.flags.IntVar(&f.Status, "status", 0, "HTTP `status`")
	c.flags.StringVar(&f.ClientID, "client-id", "", "client `ID`")
	c.flags.IntVar(&f.After, "after", 0, "only requests after this `seq`")
	counts := c.flags.Bool("counts", false, "print only the counts")
	forget := c.flags.Bool("forget", false, "clear the log instead")
	await := c.flags.Int("await", 0, "wait until this `number` of requests match")
	timeout := c.flags.Duration("timeout", time.Minute, "how long to wait for them")
	client, err := c.connect(args, 0)
	if err != nil {
		return err
	}
	if *forget {
		return client.ForgetRequests(c.ctx)
	}
	if *counts {
		n, err := client.Counts(c.ctx, f)
		return printResult(c, n, err)
	}
	ctx, cancel := context.WithTimeout(c.ctx, *timeout)
	defer cancel()
	list, err := client.Await(ctx, f, *await)
	if err != nil {
		return err
	}
	for _, r := range list {
		if err := c.printJSON(r); err != nil {
			return err
		}
	}
	return nil
}

// ca prints a root. With --ca-dir it needs no emulator, and creates missing files in that
// directory.
func ca(c *invocation, args []string) error {
	issuer := c.flags.Bool("issuer", false, "the root of the chains that vaults issue")
	dir := c.flags.String("ca-dir", "", "`directory` of the CA files, instead of a running emulator")
	client, err := c.connect(args, 0)
	if err != nil {
		return err
	}
	var control azure.Control = client
	if *dir != "" {
		if control, err = azure.New(azure.Options{CADir: *dir}); err != nil {
			return err
		}
	}
	roots, err := control.Roots(c.ctx)
	if err != nil {
		return err
	}
	pem := roots.TLS
	if *issuer {
		pem = roots.Issuer
	}
	_, err = fmt.Fprint(c.stdout, pem)
	return err
}
