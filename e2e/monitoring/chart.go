package monitoring

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

// Alert is a rule of the chart's PrometheusRule.
type Alert struct {
	Alert string `json:"alert"`
	Expr  string `json:"expr"`
}

// Rules returns the rule groups of the PrometheusRule in rendered manifests, as a file for
// Prometheus, and its alerts.
func Rules(manifests string) (file []byte, alerts []Alert, err error) {
	var rule struct {
		Spec struct {
			Groups []struct {
				Name  string  `json:"name"`
				Rules []Alert `json:"rules"`
			} `json:"groups"`
		} `json:"spec"`
	}
	var whole struct {
		Spec json.RawMessage `json:"spec"`
	}
	text, err := object(manifests, "PrometheusRule")
	if err != nil {
		return nil, nil, err
	}
	if err := yaml.Unmarshal(text, &rule); err != nil {
		return nil, nil, err
	}
	if err := yaml.Unmarshal(text, &whole); err != nil {
		return nil, nil, err
	}
	for _, g := range rule.Spec.Groups {
		alerts = append(alerts, g.Rules...)
	}
	return whole.Spec, alerts, nil // JSON is YAML
}

// Query is a query of the dashboard.
type Query struct{ Panel, Expr string }

// variables are what Grafana puts in place of the dashboard's variables, with "All" selected.
var variables = strings.NewReplacer("$namespace", ".*", "$__rate_interval", "1m")

// Queries returns the queries of the dashboard in rendered manifests, without variables.
func Queries(manifests string) ([]Query, error) {
	var configMap struct {
		Data map[string]string `json:"data"`
	}
	text, err := object(manifests, "ConfigMap")
	if err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(text, &configMap); err != nil {
		return nil, err
	}
	var dashboard struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal([]byte(configMap.Data["azure-cert-sync.json"]), &dashboard); err != nil {
		return nil, err
	}
	var queries []Query
	for _, p := range dashboard.Panels {
		for _, t := range p.Targets {
			queries = append(queries, Query{Panel: p.Title, Expr: variables.Replace(t.Expr)})
		}
	}
	return queries, nil
}

// object returns the only object of a kind.
func object(manifests, kind string) ([]byte, error) {
	var found []string
	for _, text := range strings.Split(manifests, "\n---\n") {
		if strings.Contains("\n"+text, "\nkind: "+kind+"\n") {
			found = append(found, text)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("the manifests have %d objects of kind %s, want one", len(found), kind)
	}
	return []byte(found[0]), nil
}

var scrapeBlock = regexp.MustCompile("(?s)```yaml\n(scrape_configs:\n.*?)```")

// ScrapeConfig returns the scrape configuration of a page of the documentation. The page has
// exactly one.
func ScrapeConfig(page string) (string, error) {
	text, err := os.ReadFile(page)
	if err != nil {
		return "", err
	}
	blocks := scrapeBlock.FindAllSubmatch(text, -1)
	if len(blocks) != 1 {
		return "", fmt.Errorf("%s has %d scrape configurations, want one", page, len(blocks))
	}
	return string(blocks[0][1]), nil
}
