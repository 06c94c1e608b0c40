package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/health"
)

const day = 24 * time.Hour

func seconds(d time.Duration) int { return int(d.Seconds()) }

// settingsTable has a row for each setting, in the order of the types.
func settingsTable() (*table, error) {
	_, paths, err := generate()
	if err != nil {
		return nil, err
	}
	t := &table{head: []string{"setting", "meaning", "default"}}
	for _, path := range paths {
		p := properties[path]
		meaning := markdown(p.description)
		if list := contract.Words()[strings.ReplaceAll(path, "[]", "")]; list != nil {
			meaning += " Values: " + code(list...) + "."
		}
		byDefault := ""
		if p.byDefault != nil {
			text, err := json.Marshal(p.byDefault)
			if err != nil {
				return nil, err
			}
			byDefault = code(string(text))
		}
		t.rows = append(t.rows, []string{code(path), meaning, byDefault})
	}
	return t, nil
}

// markdown escapes placeholders such as <vault>, which would be HTML.
func markdown(text string) string {
	return strings.NewReplacer("<", "&lt;", ">", "&gt;", "|", "\\|").Replace(text)
}

// reasons are why a certificate fails, and where to look.
var reasons = map[string]struct{ meaning, look string }{
	contract.ReasonForbidden: {"the vault does not let the identity read, or its firewall blocks the request",
		"role assignment, access policy, networking of the vault"},
	contract.ReasonNotFound:    {"the secret or its version does not exist", "the URL in the annotation"},
	contract.ReasonDisabled:    {"the version is disabled", "the certificate's version in the vault"},
	contract.ReasonThrottled:   {"the service asks for a pause", "[CertSyncThrottled](monitoring.md#certsyncthrottled)"},
	contract.ReasonUnreachable: {"no response from Key Vault, Entra ID or the metadata service", "DNS, firewall, proxy, private endpoint"},
	contract.ReasonNoToken: {"Entra ID or the metadata service does not issue a token",
		"federated credential: issuer, subject, audience; tenant"},
	contract.ReasonNoTokenFile: {"the pod has no service-account token, or no identity", "the service account's annotations, the label"},
	contract.ReasonInvalid:     {"the secret is not a usable certificate, or its newest version has expired", "the certificate in the vault"},
	contract.ReasonStore:       {"the files cannot be written", "the volume, its size and permissions"},
	contract.ReasonOther:       {"anything else, such as an unexpected response", "the error in the log"},
}

func reasonTable() (*table, error) {
	t := &table{head: []string{"reason", "what failed", "look at"}}
	names := contract.FailureReasons()
	for _, name := range names {
		r := reasons[name]
		if r.meaning == "" {
			return nil, fmt.Errorf("reason %s has no description: add it to reasons", name)
		}
		t.rows = append(t.rows, []string{code(name), r.meaning, r.look})
	}
	return t, known(reasons, names)
}

func metricTable() (*table, error) {
	t := &table{head: []string{"metric", "type", "labels", "meaning"}}
	for _, m := range health.NewMetrics().Describe() {
		labels := ""
		if len(m.Labels) > 0 {
			labels = code(m.Labels...)
		}
		t.rows = append(t.rows, []string{code(m.Name), m.Kind, labels, m.Help})
	}
	return t, nil
}

func exitTable() (*table, error) {
	return &table{[]string{"exit code", "meaning"}, [][]string{
		{"0", "success; the end after SIGTERM"},
		{fmt.Sprint(contract.ExitFailure), "a failure at run time: `--once` could not install every certificate, a command got no response, or the process is not ready"},
		{fmt.Sprint(contract.ExitUsage), "wrong flags or settings; the message lists all errors"},
	}}, nil
}
