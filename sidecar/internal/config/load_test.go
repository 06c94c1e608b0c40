package config

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// The variable overrides the file; both are validated together, by the rules of a pod or of a host.
func TestLoad(t *testing.T) {
	for name, test := range map[string]struct {
		file, variable string // empty: none
		options        Options
		check          func(l *Loaded) bool
	}{
		"file alone": {with("web", `"pollingIntervalInS":"600"`), "", Options{}, func(l *Loaded) bool {
			return l.Certificates[0].Name == "web" && l.PollingInterval == 10*time.Minute && l.RequireInitialSync && l.File != ""
		}},
		"variable alone": {"", with("web"), Options{}, func(l *Loaded) bool {
			return l.Certificates[0].Name == "web" && l.File == ""
		}},
		"variable overrides file": {with("web", `"port":3000`, `"logLevel":"debug"`), `{"secretsManagementSettings":{"port":4000}}`, Options{}, func(l *Loaded) bool {
			return l.Certificates[0].Name == "web" && l.Port == 4000 && l.LogLevel == slog.LevelDebug
		}},
		"host": {with("web"), "", Options{Host: true}, func(l *Loaded) bool {
			return !l.RequireInitialSync && l.Credential == contract.CredentialManagedIdentity
		}},
		"metadata endpoint without settings":     {"", "", Options{NoCertificates: true}, func(l *Loaded) bool { return len(l.Certificates) == 0 }},
		"metadata endpoint without certificates": {"", `{"secretsManagementSettings":{"port":3000}}`, Options{NoCertificates: true}, func(l *Loaded) bool { return l.Port == 3000 }},
		"warning": {with("web", `"linkOnRenewal":true`), "", Options{}, func(l *Loaded) bool {
			return len(l.Warnings) == 1 && strings.Contains(l.Warnings[0], "linkOnRenewal")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := load(t, test.file, test.variable, "", test.options)
			check(t, err)
			if !test.check(l) {
				t.Errorf("loaded: %+v, from the file %q, warnings %q", l.Config, l.File, l.Warnings)
			}
		})
	}
}

// load writes the file and the variable, and loads them.
func load(t *testing.T, file, variable, allowedVaults string, o Options) (*Loaded, error) {
	t.Helper()
	p := newPod(t, file)
	if file == "" {
		p.remove(t)
	} else {
		o.File = p.File
	}
	setVariables(t, variable, allowedVaults)
	return Load(o)
}

// The error names the source, and what to do.
func TestLoadFails(t *testing.T) {
	for name, test := range map[string]struct {
		file, variable, allowedVaults string
		options                       Options
		want                          []string
	}{
		"no settings":       {options: Options{}, want: []string{"no settings: set CERTSYNC_SETTINGS, or name a file with --settings"}},
		"missing file":      {options: Options{File: "missing.json"}, want: []string{"settings file: open missing.json: no such file or directory"}},
		"file syntax":       {file: "{", want: []string{"settings.json: ", "line 1"}},
		"variable syntax":   {variable: "{", want: []string{"CERTSYNC_SETTINGS: ", "line 1"}},
		"file":              {file: with("web", `"fileMode":"0666"`), want: []string{"settings.json: ", "fileMode"}},
		"variable":          {variable: with("web", `"fileMode":"0666"`, `"port":80`), want: []string{"CERTSYNC_SETTINGS: ", "fileMode", "port"}},
		"both":              {file: with("web"), variable: `{"secretsManagementSettings":{"port":80}}`, want: []string{"settings.json: ", "port"}},
		"vault not allowed": {file: with("web"), allowedVaults: " vault.azure.cn, ,vault.example ", want: []string{"shop.vault.azure.net", "vault.azure.cn", "vault.example"}},
		"file without certificates": {
			file: `{"secretsManagementSettings":{}}`, options: Options{NoCertificates: true},
			want: []string{"settings.json: ", "observedCertificates"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, test.file, test.variable, test.allowedVaults, test.options)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not contain %q: %v", want, err)
				}
			}
		})
	}
}

// The effective settings, as --check prints them.
func TestPrint(t *testing.T) {
	l, err := load(t, `{
		"secretsManagementSettings": {"linkOnRenewal": true, "certificateStoreLocation": "/certs", "aclEnabled": true,
			"reload": {"signal": "HUP", "process": "nginx", "url": "http://localhost/reload"},
			"observedCertificates": [
				{"url": "https://shop.vault.azure.net/secrets/web", "formats": ["pem", "jks"], "acls": [{"user": "root", "group": "0"}],
				 "clientId": "11111111-2222-3333-4444-555555555555"},
				"https://shop.vault.azure.net/secrets/api"]},
		"loggingSettings": {"logger": "fluentd", "endpoint": "tcp://localhost", "format": "forward", "servicename": "shop"},
		"authenticationSettings": {"msiEndpoint": "http://169.254.169.254/metadata/identity/oauth2/token"}
	}`, "", "", Options{Host: true})
	check(t, err)
	var got strings.Builder
	l.Print(&got)
	const want = `# warning: secretsManagementSettings.linkOnRenewal: has no effect on Linux
polling interval:     1h0m0s
require initial sync: false
credential:           managed-identity
  endpoint:           http://169.254.169.254/metadata/identity
log level:            info
log:                  also to tcp://localhost:24224, as "shop"
after a renewal:      SIGHUP to processes named "nginx"
after a renewal:      POST http://localhost/reload
certificate:          https://shop.vault.azure.net/secrets/web
  in:                 /certs/shop.web
  formats:            pem, jks
  client ID:          11111111-2222-3333-4444-555555555555
  file mode:          0600
  may read:           user "root", group "0"
certificate:          https://shop.vault.azure.net/secrets/api
  in:                 /certs/shop.api
  formats:            pem
  file mode:          0600
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
	const tenant = "99999999-2222-3333-4444-555555555555"
	l, err = load(t, with("web"), `{"secretsManagementSettings":{"observedCertificates":[
		{"url":"https://shop.vault.azure.net/secrets/api","tenantId":"`+tenant+`"}]}}`, "", Options{})
	check(t, err)
	got.Reset()
	l.Print(&got)
	if !strings.Contains(got.String(), "\n  tenant ID:          "+tenant+"\n") {
		t.Errorf("the tenant ID is missing:\n%s", &got)
	}
}

// Without --settings, the file in the pod is optional.
func TestDefaultFile(t *testing.T) {
	setVariables(t, with("web"), "")
	l, err := Load(Options{StateDir: filepath.Join(t.TempDir(), "run")})
	check(t, err)
	if l.File != "" {
		t.Errorf("the file is %s, want none: this machine has no %s", l.File, contract.SettingsFile)
	}
}
