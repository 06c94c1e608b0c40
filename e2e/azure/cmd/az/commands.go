package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/google/uuid"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/azure"
)

const (
	subscription = "00000000-0000-0000-0000-000000000000"
	// user is the object ID of the one who is signed in.
	user = "99999999-0000-0000-0000-000000000001"

	roleCertificates = "Key Vault Certificates Officer"
	roleSecrets      = "Key Vault Secrets User"
)

// command is one command of the Azure CLI, with the options that are played here.
type command struct {
	required, optional, switches []string
	run                          func(*invocation) (any, error)
}

// invocation is one run of a command.
type invocation struct {
	ctx      context.Context
	options  map[string]string
	state    *state
	emulator *azure.AdminClient
}

type object = map[string]any

var (
	inGroup = []string{"--name", "--resource-group"}

	commands = map[string]command{
		"account set":            {required: []string{"--subscription"}, run: nothing},
		"account show":           {run: accountShow},
		"ad signed-in-user show": {run: func(*invocation) (any, error) { return object{"id": user}, nil }},
		"group create":           {required: []string{"--name", "--location"}, run: groupCreate},
		"group delete":           {required: []string{"--name"}, switches: []string{"--yes", "--no-wait"}, run: groupDelete},
		"acr create":             {required: append([]string{"--sku"}, inGroup...), run: acrCreate},
		"acr login":              {required: []string{"--name"}, run: acrLogin},
		"aks create":             {required: inGroup, optional: []string{"--attach-acr", "--node-count"}, switches: []string{"--enable-oidc-issuer", "--generate-ssh-keys"}, run: aksCreate},
		"aks show":               {required: inGroup, run: aksShow},
		"aks get-credentials":    {required: inGroup, run: aksCredentials},
		"identity create":        {required: inGroup, optional: []string{"--location"}, run: identityCreate},
		"identity show":          {required: inGroup, run: identityShow},
		"identity federated-credential create": {
			required: append([]string{"--identity-name", "--issuer", "--subject", "--audience"}, inGroup...), run: credentialCreate,
		},
		"keyvault create": {
			required: append([]string{"--location", "--enable-rbac-authorization"}, inGroup...), run: vaultCreate,
		},
		"keyvault show": {required: []string{"--name"}, optional: []string{"--resource-group"}, run: vaultShow},
		"keyvault certificate get-default-policy": {run: func(*invocation) (any, error) { return defaultPolicy(), nil }},
		"keyvault certificate create":             {required: []string{"--vault-name", "--name", "--policy"}, run: certificateCreate},
		"role assignment create": {
			required: []string{"--role", "--scope", "--assignee-object-id", "--assignee-principal-type"}, run: roleCreate,
		},
	}
)

func nothing(*invocation) (any, error) { return nil, nil }

// resourceID returns the ID of a resource in the form of Azure Resource Manager.
func resourceID(group, kind, name string) string {
	return fmt.Sprintf("/subscriptions/%s/resourceGroups/%s/providers/%s/%s", subscription, group, kind, name)
}

func accountShow(*invocation) (any, error) {
	return object{"id": subscription, "tenantId": os.Getenv("AZ_TENANT"), "name": "emulated", "state": "Enabled"}, nil
}

func groupCreate(i *invocation) (any, error) {
	name := i.options["--name"]
	i.state.Groups[name] = true
	return object{
		"id": "/subscriptions/" + subscription + "/resourceGroups/" + name, "name": name,
		"location": i.options["--location"], "properties": object{"provisioningState": "Succeeded"},
	}, nil
}

// groupDelete also deletes the identities of the group, so that they get no more tokens.
func groupDelete(i *invocation) (any, error) {
	group := i.options["--name"]
	if err := i.state.groupExists(group); err != nil {
		return nil, err
	}
	for _, one := range i.state.Identities {
		if one.Group != group {
			continue
		}
		if err := i.emulator.DeleteApplication(i.ctx, one.ClientID); err != nil && !errors.Is(err, azure.ErrNotFound) {
			return nil, err
		}
	}
	*i.state = state{}
	return nil, nil
}

func acrCreate(i *invocation) (any, error) {
	name := i.options["--name"]
	i.state.Registries[name] = i.options["--resource-group"]
	return object{"name": name, "loginServer": name + ".azurecr.io", "provisioningState": "Succeeded"},
		i.state.groupExists(i.options["--resource-group"])
}

func acrLogin(i *invocation) (any, error) {
	if _, err := found(i.state.Registries, "Microsoft.ContainerRegistry/registries", i.options["--name"]); err != nil {
		return nil, err
	}
	fmt.Println("Login Succeeded")
	return nil, nil
}

func aksCreate(i *invocation) (any, error) {
	if i.options["--enable-oidc-issuer"] == "" {
		return nil, fmt.Errorf("%w: a cluster without --enable-oidc-issuer cannot federate", errUsage)
	}
	if acr := i.options["--attach-acr"]; acr != "" {
		if _, err := found(i.state.Registries, "Microsoft.ContainerRegistry/registries", acr); err != nil {
			return nil, err
		}
	}
	if err := i.state.groupExists(i.options["--resource-group"]); err != nil {
		return nil, err
	}
	i.state.Clusters[i.options["--name"]] = i.options["--resource-group"]
	return aksShow(i)
}

func aksShow(i *invocation) (any, error) {
	group, err := found(i.state.Clusters, "Microsoft.ContainerService/managedClusters", i.options["--name"])
	return object{
		"id":                resourceID(group, "Microsoft.ContainerService/managedClusters", i.options["--name"]),
		"name":              i.options["--name"],
		"provisioningState": "Succeeded",
		"oidcIssuerProfile": object{"enabled": true, "issuerUrl": os.Getenv("AZ_ISSUER")},
	}, err
}

// aksCredentials writes the kubeconfig of the cluster to the file that KUBECONFIG names.
func aksCredentials(i *invocation) (any, error) {
	name := i.options["--name"]
	if _, err := found(i.state.Clusters, "Microsoft.ContainerService/managedClusters", name); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(os.Getenv("AZ_KUBECONFIG"))
	if err != nil {
		return nil, err
	}
	target := os.Getenv("KUBECONFIG")
	if err := os.WriteFile(target, content, 0o600); err != nil {
		return nil, err
	}
	fmt.Printf("Merged \"%s\" as current context in %s\n", name, target)
	return nil, nil
}

func identityCreate(i *invocation) (any, error) {
	name := i.options["--name"]
	if err := i.state.groupExists(i.options["--resource-group"]); err != nil {
		return nil, err
	}
	if i.state.Identities[name] == nil {
		one := &identity{
			Group: i.options["--resource-group"], ClientID: uuid.NewString(), PrincipalID: uuid.NewString(),
			Credentials: map[string]azure.FederatedCredential{},
		}
		i.state.Identities[name] = one
		if err := i.register(one); err != nil {
			return nil, err
		}
	}
	return identityShow(i)
}

func identityShow(i *invocation) (any, error) {
	name := i.options["--name"]
	one, err := found(i.state.Identities, "Microsoft.ManagedIdentity/userAssignedIdentities", name)
	if err != nil {
		return nil, err
	}
	return object{
		"id":   resourceID(one.Group, "Microsoft.ManagedIdentity/userAssignedIdentities", name),
		"name": name, "clientId": one.ClientID, "principalId": one.PrincipalID, "tenantId": os.Getenv("AZ_TENANT"),
	}, nil
}

// register tells the emulator about an identity and its federated credentials.
func (i *invocation) register(one *identity) error {
	app := azure.Application{ClientID: one.ClientID, ObjectID: one.PrincipalID, Tenant: os.Getenv("AZ_TENANT")}
	for _, credential := range one.Credentials {
		app.FederatedCredentials = append(app.FederatedCredentials, credential)
	}
	return i.emulator.Apply(i.ctx, azure.Config{Applications: []azure.Application{app}})
}

func credentialCreate(i *invocation) (any, error) {
	one, err := found(i.state.Identities, "Microsoft.ManagedIdentity/userAssignedIdentities", i.options["--identity-name"])
	if err != nil {
		return nil, err
	}
	credential := azure.FederatedCredential{Issuer: i.options["--issuer"], Subject: i.options["--subject"], Audience: i.options["--audience"]}
	one.Credentials[i.options["--name"]] = credential
	return object{
		"name": i.options["--name"], "issuer": credential.Issuer, "subject": credential.Subject, "audiences": []string{credential.Audience},
	}, i.register(one)
}

// hostOf returns the host name of a vault.
func hostOf(name string) string { return name + ".vault.azure.net" }

func vaultCreate(i *invocation) (any, error) {
	name := i.options["--name"]
	if i.options["--enable-rbac-authorization"] != "true" {
		return nil, errors.New("a vault with access policies is not played here")
	}
	if err := i.state.groupExists(i.options["--resource-group"]); err != nil {
		return nil, err
	}
	i.state.Vaults[name] = &vault{Group: i.options["--resource-group"], Roles: map[string][]string{}}
	if err := i.emulator.Apply(i.ctx, azure.Config{Vaults: []azure.Vault{{Host: hostOf(name), Tenant: os.Getenv("AZ_TENANT")}}}); err != nil {
		return nil, err
	}
	return vaultShow(i)
}

func vaultShow(i *invocation) (any, error) {
	name := i.options["--name"]
	v, err := found(i.state.Vaults, "Microsoft.KeyVault/vaults", name)
	if err != nil {
		return nil, err
	}
	return object{
		"id": resourceID(v.Group, "Microsoft.KeyVault/vaults", name), "name": name,
		"properties": object{"vaultUri": "https://" + hostOf(name) + "/", "provisioningState": "Succeeded", "enableRbacAuthorization": true},
	}, nil
}

// roleCreate assigns a role on a vault or on one of its secrets. The emulator learns only of the
// role that lets an identity read secrets.
func roleCreate(i *invocation) (any, error) {
	scope, secret, _ := strings.Cut(i.options["--scope"], "/secrets/")
	name := path.Base(scope)
	v, err := found(i.state.Vaults, "Microsoft.KeyVault/vaults", name)
	if err != nil {
		return nil, err
	}
	role, assignee := i.options["--role"], i.options["--assignee-object-id"]
	if secret == "" {
		v.Roles[assignee] = append(v.Roles[assignee], role)
	}
	for _, one := range i.state.Identities {
		if one.PrincipalID != assignee || role != roleSecrets {
			continue
		}
		grant := azure.Grant{Vault: hostOf(name), ClientID: one.ClientID, Secret: secret}
		if err := i.emulator.Apply(i.ctx, azure.Config{Grants: []azure.Grant{grant}}); err != nil {
			return nil, err
		}
	}
	return object{"principalId": assignee, "scope": i.options["--scope"], "roleDefinitionName": role}, nil
}
