// Package azure emulates the parts of Microsoft Entra ID and Azure Key Vault
// that certificate syncing needs, under their real host names, so that a
// program under test runs in its production configuration.
//
// # What it guarantees
//
// The emulator is strict where Azure is strict: a client assertion is verified
// for real (signature against the issuer's published keys, issuer, audience,
// subject and expiry against the federated credentials of the application), an
// access token is a signed JWT that a vault verifies (signature, audience,
// issuer, expiry), and a vault only answers identities that hold a role. Errors
// have Azure's own status, codes and JSON. Chains come in the order in which Key
// Vault gives them: root to leaf in PKCS #12, leaf to root in PEM.
//
// A test requests every other error explicitly: faults
// per route, throttling, cut-off hosts. Every request is logged and can be
// counted and awaited.
//
// # What it never does
//
// It never leaves the listener that it was given, never resolves a name by DNS
// and never stores a private key on disk except the two CA files of
// [Options.CADir]. Only a JWKSURL that is configured explicitly is fetched. It
// is for tests: the admin API has no authentication and its keys are short-lived
// and reused.
//
// # In process
//
//	e, err := azure.New(azure.Options{Config: config})
//	addr, err := e.Start()                     // https on a free loopback port
//	defer e.Close()
//	client := e.Client()                       // dials real names, trusts the CA
//
// The client is the transport of azidentity's and azsecrets' options; nothing
// else about them differs from production. In a testing/synctest bubble, use
// [Emulator.StartInMemory] in place of Start. A [TokenIssuer] stands in for a
// cluster. The same state can be driven from outside of the process: [Emulator]
// and [AdminClient] both implement [Control].
//
// # As a program
//
//	azure-emulator serve --config state.json --ca-dir /ca --listen :443 --admin :8080
//	azure-emulator renew --admin http://10.96.0.9:8080 --vault example.vault.azure.net --name web
//
// The file is a [Config]. In a cluster, one of
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
// lets one service account read one certificate. Pods reach it by hostAliases to
// the Service's address ([Hosts] has the names), trusting the CA that
// "azure-emulator ca" prints. The admin port answers /healthz for the probes.
//
// # For a program under test
//
// A binary reaches the emulator without any special switch in a network
// namespace with a hosts file: see package sandbox and [Hosts].
//
// # Identity bindings
//
// With [Config.TokenProxies] it is the token proxy of AKS identity bindings too,
// under those TLS server names and with certificates of its own CA
// ([Roots.TokenProxy]). It accepts what [Application.IdentityBindings] say.
//
// # More services
//
// Requests are routed by the host name they were sent to ([Emulator] keeps one
// handler per host), so a further service is one more entry in that table.
package azure
