package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

const secret = "https://myvault.vault.azure.net/secrets/web"

// with returns settings with one certificate, changed by edit.
func with(edit func(*contract.Settings)) *contract.Settings {
	s := &contract.Settings{}
	s.SecretsManagement.ObservedCertificates = []contract.ObservedCertificate{{URL: secret}}
	edit(s)
	return s
}

// entry returns the only certificate of settings that come from with.
func entry(s *contract.Settings) *contract.ObservedCertificate {
	return &s.SecretsManagement.ObservedCertificates[0]
}

// valueTests have one golden file per setting. It shows the result for each value, or the error.
var valueTests = []struct {
	name   string
	values []string
	set    func(s *contract.Settings, value string)
	got    func(c *contract.Config) string
}{
	{
		name: "url",
		values: []string{
			secret,
			secret + "/",
			secret + "/8f5f3f491afd48cb99286ba2aacd39af",
			secret + "/8f5f3f491afd48cb99286ba2aacd39af/",
			"https://MyVault.VAULT.azure.net/secrets/Web",
			"HTTPS://myvault.vault.azure.cn/secrets/web",
			"https://myvault.vault.usgovcloudapi.net/secrets/web",
			"https://my-vault-2.vault.azure.net/secrets/" + strings.Repeat("a", 127),
			"",
			"myvault.vault.azure.net/secrets/web",
			"myvault",
			"http://myvault.vault.azure.net/secrets/web",
			"https://user:pa55word@myvault.vault.azure.net/secrets/web",
			"https://user:pa55word@myvault.vault.azure.net:port/secrets/web",
			secret + "?token=pa55word",
			secret + "?",
			secret + "#",
			"https://myvault.vault.azure.net:443/secrets/web",
			"https://myvault.vault.azure.com/secrets/web",
			"https://myvault.vaults.azure.net/secrets/web",
			"https://myvault.example.org/secrets/web",
			"https://vault.azure.net/secrets/web",
			"https://a.myvault.vault.azure.net/secrets/web",
			"https://myvault.vault.azure.net.example.org/secrets/web",
			"https://myvault.vault.azure.net./secrets/web",
			"https://evil.org\\myvault.vault.azure.net/secrets/web",
			"https://evilvault.azure.net/secrets/web",
			"https://169.254.169.254/secrets/web",
			"https://[::1]/secrets/web",
			"https://mv.vault.azure.net/secrets/web",
			"https://a23456789012345678901234.vault.azure.net/secrets/web",
			"https://a234567890123456789012345.vault.azure.net/secrets/web",
			"https://1vault.vault.azure.net/secrets/web",
			"https://vault-.vault.azure.net/secrets/web",
			"https://my--vault.vault.azure.net/secrets/web",
			"https://my_vault.vault.azure.net/secrets/web",
			"https://myvault.vault.azure.net/certificates/web",
			"https://myvault.vault.azure.net/certificates/web/8f5f3f491afd48cb99286ba2aacd39af",
			"https://myvault.vault.azure.net/keys/web/",
			"https://myvault.vault.azure.net/Secrets/web",
			"https://myvault.vault.azure.net/storage/web",
			"https://myvault.vault.azure.net/secrets/",
			"https://myvault.vault.azure.net/secrets",
			"https://myvault.vault.azure.net",
			"https://myvault.vault.azure.net//secrets/web",
			secret + "//",
			secret + "/a/b",
			secret + "/..",
			"https://myvault.vault.azure.net/secrets/../web",
			"https://myvault.vault.azure.net/secrets/my_web",
			"https://myvault.vault.azure.net/secrets/w%65b",
			"https://myvault.vault.azure.net/secrets%2fweb",
			"https://myvault.vault.azure.net/secrets/" + strings.Repeat("a", 128),
			secret + "/p12",
			secret + "/version-1",
			secret + "\n",
			" " + secret,
			secret + "," + secret,
			"[reference('vault').uri]",
			"https://<vault>.vault.azure.net/secrets/web",
			"https://myvault.vault.azure.net:8443/secrets/web",
			"https://myvault.vault.azure.net:/secrets/web",
			"//myvault.vault.azure.net/secrets/web",
			"myvault.vault.azure.net:443/secrets/web",
			"https:/myvault.vault.azure.net/secrets/web",
			"https://",
			"https:///secrets/web",
			"/secrets/web",
			"myvault.vault.azure.net",
		},
		set: func(s *contract.Settings, value string) { entry(s).URL = value },
		got: func(c *contract.Config) string {
			cert := c.Certificates[0]
			return fmt.Sprintf("vault %s (%s), name %s, version %q", cert.VaultURL, cert.VaultName, cert.Name, cert.Version)
		},
	},
	{
		name:   "url-forms",
		values: secretForms,
		set:    func(s *contract.Settings, value string) { entry(s).URL = value },
		got:    func(c *contract.Config) string { return c.Certificates[0].URL },
	},
	{
		name: "certificateStoreLocation",
		values: []string{
			"/certs", "/certs/", "/var/lib/waagent/Microsoft.Azure.KeyVault.Store/", "/process", "/etc/ssl/certs/app", "/run/secrets",
			"certs", "./certs", "/", "//", "/certs//", "/certs/../etc", "/certs/.", "/cert\ns", "/" + strings.Repeat("a", 4096),
			"/proc", "/proc/self", "/sys/fs", "/dev/shm", "/a:b", "//var/lib/waagent//Microsoft.Azure.KeyVault.Store/", "LocalMachine", "currentuser", "cert:\\LocalMachine\\My",
			"/etc/certsync", "/etc", "/run", "/run/certsync/x", "/var/run/secrets/certsync", "/etc/ssl/certs", "/etc/ssl",
		},
		set: func(s *contract.Settings, value string) { entry(s).CertificateStoreLocation = value },
		got: func(c *contract.Config) string { return c.Certificates[0].Store },
	},
	{
		name: "customSymbolicLinkName",
		values: []string{
			"tls", "tls.crt", ".hidden", "with space", "ümlaut", "...", strings.Repeat("a", 251),
			".", "..", "..data", "a/b", "/a", "a\x00b", "a\nb", strings.Repeat("a", 252),
			"myvault.web", "myvault.web.old", "myvault.web.p12",
		},
		set: func(s *contract.Settings, value string) { entry(s).CustomSymbolicLinkName = value },
		got: func(c *contract.Config) string { return c.Certificates[0].LinkName },
	},
	{
		name: "fileMode",
		values: []string{
			"0640", "640", "0400", "0600", "0644", "0755", "0660", "0664",
			"0", "0o640", "rw-r-----", "0888", "-1", "0240", "0646", "0777", "4755", "2640", "1644", "99999999999999999999",
		},
		set: func(s *contract.Settings, value string) { s.SecretsManagement.FileMode = value },
		got: func(c *contract.Config) string { return c.Certificates[0].Mode.String() },
	},
	{
		name:   "readers",
		values: []string{"1000", "0", "4294967294", "group", "everyone", "4294967295", "-1", "1e3", "web", "Group", ""},
		set:    func(s *contract.Settings, value string) { s.SecretsManagement.Readers = []string{value, "2000"} },
		got: func(c *contract.Config) string {
			return fmt.Sprint(c.Certificates[0].Mode, c.Certificates[0].ACLs)
		},
	},
	{
		name:   "logLevel",
		values: []string{"debug", "info", "warn", "error", "Info", "warning", "trace", "debug+1"},
		set:    func(s *contract.Settings, value string) { s.SecretsManagement.LogLevel = value },
		got:    func(c *contract.Config) string { return c.LogLevel.String() },
	},
	{
		name:   "formats",
		values: []string{"pem", "jks pem", "jks pkcs12 split pem", "jks jks", "PKCS12", "pfx"},
		set:    func(s *contract.Settings, value string) { entry(s).Formats = strings.Fields(value) },
		got:    func(c *contract.Config) string { return strings.Join(c.Certificates[0].Formats, " ") },
	},
	{
		name: "reload.signal",
		values: []string{
			"HUP", "SIGHUP", "sigusr2", "1", "15", "34", "64",
			"0", "32", "65", "99999999999999999999", "-1", "STOP", "19", "TSTP", "HUPP", "reload",
		},
		set: func(s *contract.Settings, value string) {
			s.SecretsManagement.Reload.Signal, s.SecretsManagement.Reload.Process = value, "nginx"
		},
		got: func(c *contract.Config) string { return c.Reload.Signal },
	},
	{
		name:   "reload.process",
		values: []string{"nginx", "my app", "123456789012345", "1234567890123456", "/usr/sbin/nginx", "a\nb"},
		set: func(s *contract.Settings, value string) {
			s.SecretsManagement.Reload.Signal, s.SecretsManagement.Reload.Process = "HUP", value
		},
		got: func(c *contract.Config) string { return c.Reload.Process },
	},
	{
		name: "reload.url",
		values: []string{
			"http://localhost/reload", "https://127.0.0.1:8443/-/reload?full=1", "http://[::1]:80", "http://127.1.2.3/",
			"localhost:80", "ftp://localhost/", "http://example.org/", "http://localhost.example.org/", "http://10.0.0.1/",
			"http://u:pa55word@localhost/", "http://localhost/#x", "http://localhost:0/", "http://localhost:99999/", "http://169.254.169.254/",
			"http://0.0.0.0/", "http:///x", "http://localhost:x/", "u:pa55word@localhost",
		},
		set: func(s *contract.Settings, value string) { s.SecretsManagement.Reload.URL = value },
		got: func(c *contract.Config) string { return c.Reload.URL },
	},
	{
		name: "msiEndpoint",
		values: []string{
			"http://169.254.169.254/metadata/identity", "http://169.254.169.254/metadata/identity/oauth2/token",
			"http://169.254.169.254/metadata/identity/", "http://169.254.169.254:80/metadata/identity",
			"http://localhost:40342/metadata/identity", "http://127.0.0.1:40342/metadata/identity/oauth2/token",
			"https://169.254.169.254/metadata/identity", "http://169.254.169.254", "http://169.254.169.254:8080/metadata/identity",
			"http://169.254.169.253/metadata/identity", "http://example.org/metadata/identity", "http://localhost/metadata/identity?x",
			"HTTP://LOCALHOST:40342//Metadata/identity/", "http://169.254.169.254//metadata/identity/oauth2/token/",
			"http://u:pa55word@localhost/metadata/identity", "[parameters('userAssignedIdentityEndpoint')]",
		},
		set: func(s *contract.Settings, value string) {
			s.Authentication = contract.Authentication{Credential: contract.CredentialManagedIdentity, MSIEndpoint: value}
		},
		got: func(c *contract.Config) string { return c.MSIEndpoint },
	},
	{
		name: "tenantId",
		values: []string{
			"00001111-aaaa-2222-bbbb-3333cccc4444", "contoso.onmicrosoft.com", "contoso",
			"a/b", "a b", "contoso.", "../common", "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "<tenant>",
		},
		set: func(s *contract.Settings, value string) { entry(s).TenantID = value },
		got: func(c *contract.Config) string { return c.Certificates[0].TenantID },
	},
	{
		name: "endpoint",
		values: []string{
			"tcp://localhost:24224", "tcp://fluentd.logging", "tcp://[::1]:1", "tcp://10.0.0.1:65535",
			"localhost:24224", "tcp://", "tcp://:24224", "udp://localhost:24224", "unix:///run/fluent.sock", "tls://localhost:24224",
			"tcp://localhost:24224/", "tcp://u:pa55word@localhost", "tcp://localhost:0", "tcp://localhost:65536", "tcp://localhost?x",
			"TCP://localhost:24224//", "unix:/run//fluent.sock", "unix://run/fluent.sock", "unix://", "unix:run/fluent.sock", "unix:///run/../x",
			"unix:///run/fluent.sock?x", "unix:///" + strings.Repeat("s", 107), "unix://u:pa55word@/run/x",
		},
		set: func(s *contract.Settings, value string) { s.Logging.Endpoint = value },
		got: func(c *contract.Config) string { return c.Logging.Endpoint },
	},
}

func TestValues(t *testing.T) {
	for _, test := range valueTests {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			for _, value := range test.values {
				config, warnings, err := with(func(s *contract.Settings) { test.set(s, value) }).Validate(contract.Rules{})
				fmt.Fprintf(&b, "%.100q\n", value)
				for _, w := range warnings {
					fmt.Fprintf(&b, "    warning: %s\n", w)
				}
				if err != nil {
					fmt.Fprintf(&b, "    error: %s\n", err)
				} else {
					fmt.Fprintf(&b, "    %s\n", test.got(config))
				}
			}
			if strings.Contains(messages(b.String()), "pa55word") {
				t.Error("a message shows a password")
			}
			golden(t, "values/"+test.name, b.String())
		})
	}
}

// messages returns the indented lines of a report, without the lines with the values.
func messages(report string) string {
	var b strings.Builder
	for line := range strings.Lines(report) {
		if strings.HasPrefix(line, " ") {
			b.WriteString(line)
		}
	}
	return b.String()
}
