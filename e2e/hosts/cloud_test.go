package hosts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure/metadata"
)

// What the emulated Azure knows.
const (
	tenant  = "11111111-2222-3333-4444-555555555555"
	vault   = "testkvwestus2s.vault.azure.net"
	system  = "aaaaaaaa-0000-4000-8000-000000000000" // the machines' system-assigned identity
	user    = "b9f6dd56-d2d6-4967-99d7-8062d56fd84c" // a user-assigned one
	issuer  = "https://machines.example/issuer"
	subject = "machine"
)

// cloud is the emulated Azure of one test, and what its machines have in common.
type cloud struct {
	*azure.Emulator
	metadata *metadata.Machine
	program  string // certsync, for this machine
}

func newCloud(t *testing.T, certificates ...string) *cloud {
	t.Helper()
	if os.Getuid() != 0 || testing.Short() {
		t.Skip("machines need root, and the Debian packages mmdebstrap and rpm")
	}
	tokens, err := azure.NewTokenIssuer(issuer)
	check(t, err)
	config := azure.Config{Issuers: []azure.Issuer{tokens.Config()}, Vaults: []azure.Vault{{Host: vault, Tenant: tenant}}}
	for _, id := range []string{system, user} {
		config.Applications = append(config.Applications, azure.Application{
			ClientID: id, Tenant: tenant, FederatedCredentials: []azure.FederatedCredential{{Issuer: issuer, Subject: subject}},
		})
		config.Grants = append(config.Grants, azure.Grant{Vault: vault, ClientID: id})
	}
	for _, name := range certificates {
		config.Certificates = append(config.Certificates, azure.Certificate{Vault: vault, Name: name})
	}
	e, err := azure.New(azure.Options{Config: config})
	check(t, err)
	t.Cleanup(func() { check(t, e.Close()) })
	_, err = e.Start() // for the metadata service, which gets its tokens there
	check(t, err)
	built := packages(t)
	return &cloud{Emulator: e, program: built.program, metadata: &metadata.Machine{
		Azure: e, Issuer: tokens, Subject: subject, Tenant: tenant, System: system, User: []string{user},
	}}
}

func (c *cloud) hosts() map[string]string { return azure.Hosts("127.0.0.1", vault) }

// renew creates another version of the certificate web.
func (c *cloud) renew(t *testing.T) {
	t.Helper()
	_, err := c.Renew(t.Context(), azure.Renewal{Vault: vault, Name: "web"})
	check(t, err)
}

// newest returns the ID of the newest version of the certificate web.
func (c *cloud) newest(t *testing.T) string {
	t.Helper()
	versions, err := c.Versions(t.Context(), azure.SecretRef{Vault: vault, Name: "web"})
	check(t, err)
	return versions[len(versions)-1].Version
}

// built are the packages of two versions.
type built struct{ dir, program string }

// packages builds them once for all tests, as users do, and returns where they are.
func packages(t *testing.T) built {
	t.Helper()
	b, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var build = sync.OnceValues(func() (b built, err error) {
	b.dir = temporary
	b.program = filepath.Join(b.dir, "certsync")
	for _, version := range []string{"1.0.0", "1.1.0"} {
		cmd := exec.Command("make", "--silent", "--directory", "../..", "packages", "ARCHS="+runtime.GOARCH, "VERSION="+version, "PACKAGES="+b.dir)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return b, err
		}
	}
	return b, exec.Command("sh", "-c", "dpkg-deb --fsys-tarfile "+b.dir+"/certsync_1.0.0_*.deb | tar -xO ./usr/bin/certsync >"+b.program+
		" && chmod +x "+b.program).Run()
})

// temporary is where TestMain lets the packages be built.
var temporary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "certsync-packages-")
	if err != nil {
		panic(err)
	}
	temporary = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// copyPackages copies the packages to a directory, as certsync_<version>.deb and
// certsync-<version>.rpm.
func copyPackages(t *testing.T, dir string) {
	t.Helper()
	for _, version := range []string{"1.0.0", "1.1.0"} {
		for pattern, name := range map[string]string{"certsync_%s_*.deb": "certsync_%s.deb", "certsync-%s-*.rpm": "certsync-%s.rpm"} {
			found, err := filepath.Glob(filepath.Join(temporary, fmt.Sprintf(pattern, version)))
			check(t, err)
			content, err := os.ReadFile(found[0])
			check(t, err)
			check(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf(name, version)), content, 0o644))
		}
	}
}

// debianTree returns a clean Debian with systemd and rpm, which machines use as their read-only
// lower layer. It is downloaded once into the cache.
func debianTree(t *testing.T) string {
	t.Helper()
	tree, err := download()
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

var download = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	tree := filepath.Join(cache, "azure-cert-sync", "debian-12-systemd-rpm")
	if _, err := os.Stat(tree); err == nil {
		return tree, nil
	}
	partial := tree + ".partial"
	if err := errors.Join(os.RemoveAll(partial), os.MkdirAll(filepath.Dir(tree), 0o755)); err != nil {
		return "", err
	}
	cmd := exec.Command("mmdebstrap", "--quiet", "--variant=minbase", "--include=systemd-sysv,acl,rpm", "--format=directory", "bookworm", partial)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", err
	}
	return tree, os.Rename(partial, tree)
})
