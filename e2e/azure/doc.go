// Package azure emulates the parts of Microsoft Entra ID and Azure Key Vault
// that certificate syncing needs, under their real host names, so that a
// program under test runs in its production configuration.
//
// # What it guarantees
//
// The emulator is as strict as Azure. It verifies client assertions: the signature with the
// issuer's published keys, and issuer, audience, subject and expiry with the federated credentials
// of the application. An access token is a signed JWT, and a vault verifies its signature,
// audience, issuer and expiry. A vault accepts only identities that have a role. Errors have
// Azure's status, codes and JSON. Chains have the same order as in Key Vault: root to leaf in PKCS
// #12, leaf to root in PEM.
//
// Other errors occur only if a test requests them: faults per route, throttling, unreachable hosts.
// Every request is logged. Tests can count requests and wait for them.
//
// # What it never does
//
// It serves only on the listeners that it was given, never resolves a name with DNS, and stores no
// private keys on disk except those in [Options.CADir]. It connects only to a JWKSURL that is
// configured explicitly. It is for tests: the admin API has no authentication, and keys are reused.
//
// # In process
//
//	e, err := azure.New(azure.Options{Config: config})
//	addr, err := e.Start()                     // https on a free loopback port
//	defer e.Close()
//	client := e.Client()                       // dials real names, trusts the CA
//
// Pass the client as the transport in the options of azidentity and azsecrets. All other options
// are as in production. In a testing/synctest bubble, use [Emulator.StartInMemory] instead of
// Start. A [TokenIssuer] replaces a cluster. [AdminClient] controls an emulator from another
// process; [Emulator] and [AdminClient] both implement [Control].
//
// # As a program
//
//	azure-emulator serve --config state.json --ca-dir /ca --listen :443 --admin :8080
//	azure-emulator renew --admin http://10.96.0.9:8080 --vault example.vault.azure.net --name web
//
// The file is a [Config]. In a cluster, this file
//
//	{
//	  "issuers": [{
//	    "url": "https://kubernetes.default.svc.cluster.local",
//	    "jwksURL": "https://kubernetes.default.svc/openid/v1/jwks",
//	    "caFile": "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
//	    "tokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token"
//	  }],
//	  "applications": [{
//	    "clientID": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "tenant": "11111111-2222-3333-4444-555555555555",
//	    "federatedCredentials": [{
//	      "issuer": "https://kubernetes.default.svc.cluster.local",
//	      "subject": "system:serviceaccount:default:app"
//	    }]
//	  }],
//	  "vaults": [{"host": "example.vault.azure.net", "tenant": "11111111-2222-3333-4444-555555555555"}],
//	  "grants": [{"vault": "example.vault.azure.net", "clientID": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"}],
//	  "certificates": [{"vault": "example.vault.azure.net", "name": "web", "dnsNames": ["web.example"]}]
//	}
//
// lets one service account read one certificate. Pods reach the emulator with hostAliases for the
// Service's address ([Hosts] returns the names), and trust the CA that "azure-emulator ca" prints.
// Probes use /healthz on the admin port.
//
// # For a program under test
//
// A binary reaches the emulator without any special switch in a network
// namespace with a hosts file: see package sandbox and [Hosts].
//
// # Identity bindings
//
// With [Config.TokenProxies] the emulator is also the token proxy of AKS identity bindings, under
// those TLS server names and with certificates of a separate CA ([Roots.TokenProxy]). It accepts
// the credentials in [Application.IdentityBindings].
//
// # More services
//
// [Emulator] routes a request by its host name. To add a service, add its host names there.
package azure
