package azure

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// cloud contains the host names of one of Azure's separate clouds.
type cloud struct {
	logins      []string // authority hosts of Entra ID, the preferred one first
	challenge   string   // the authority host in a vault's challenge
	stsIssuer   string   // prefix of the "iss" of version 1.0 access tokens
	vaultSuffix string   // follows a vault's name
	vault       string   // resource of Key Vault, without "/.default"
}

var clouds = []*cloud{
	{
		logins:      []string{"login.microsoftonline.com", "login.windows.net", "login.microsoft.com"},
		challenge:   "login.microsoftonline.com",
		stsIssuer:   "https://sts.windows.net/",
		vaultSuffix: ".vault.azure.net",
		vault:       "https://vault.azure.net",
	},
	{
		logins:      []string{"login.partner.microsoftonline.cn", "login.chinacloudapi.cn"},
		challenge:   "login.chinacloudapi.cn",
		stsIssuer:   "https://sts.chinacloudapi.cn/",
		vaultSuffix: ".vault.azure.cn",
		vault:       "https://vault.azure.cn",
	},
	{
		logins:      []string{"login.microsoftonline.us", "login.usgovcloudapi.net"},
		challenge:   "login.microsoftonline.us",
		stsIssuer:   "https://sts.windows.net/",
		vaultSuffix: ".vault.usgovcloudapi.net",
		vault:       "https://vault.usgovcloudapi.net",
	},
}

// resources are the resources, other than Key Vault, for which every tenant has a service
// principal. So clients can request tokens for them.
var commonResources = []string{
	"https://management.azure.com",
	"https://graph.microsoft.com",
	"https://storage.azure.com",
}

func cloudOfLogin(host string) *cloud {
	for _, c := range clouds {
		if slices.Contains(c.logins, host) {
			return c
		}
	}
	return nil
}

func cloudOfVault(host string) *cloud {
	for _, c := range clouds {
		if strings.HasSuffix(host, c.vaultSuffix) {
			return c
		}
	}
	return nil
}

// vaultName is the rule for vault names in the Key Vault API reference.
var vaultName = regexp.MustCompile(`^[a-z][a-z0-9-]{1,22}[a-z0-9]$`)

// checkVaultHost checks that host is the lower-case host name of a vault in one of the clouds.
func checkVaultHost(host string) error {
	c := cloudOfVault(host)
	if c == nil {
		return fmt.Errorf("%w: vault host %q does not belong to a cloud (want NAME%s, NAME%s or NAME%s)",
			ErrInvalid, host, clouds[0].vaultSuffix, clouds[1].vaultSuffix, clouds[2].vaultSuffix)
	}
	if name := strings.TrimSuffix(host, c.vaultSuffix); !vaultName.MatchString(name) || strings.Contains(name, "--") {
		return fmt.Errorf("%w: vault name %q: want 3 to 24 letters, digits and single hyphens", ErrInvalid, name)
	}
	return nil
}

// servingNames are the names in the emulator's TLS certificate.
func servingNames() []string {
	var names []string
	for _, c := range clouds {
		names = append(append(names, c.logins...), "*"+c.vaultSuffix)
	}
	return names
}

// Hosts returns a hosts table for ip: the authority hosts of all clouds and the
// given vault hosts, for a hosts file or a pod's hostAliases.
func Hosts(ip string, vaults ...string) map[string]string {
	table := make(map[string]string)
	for _, c := range clouds {
		for _, login := range c.logins {
			table[login] = ip
		}
	}
	for _, v := range vaults {
		table[strings.ToLower(v)] = ip
	}
	return table
}
