// Package servingcert maintains the webhook's TLS certificate, and the caBundle through which the
// API server trusts it.
//
// The certificate is in a Secret that all replicas share, and in the memory of each replica. No
// replica has to wait for a mounted file. The replica that writes the Secret first wins, by the API
// server's optimistic concurrency, and the others use the result. The package guarantees that the
// published caBundle trusts the served certificate at any time:
//
//  1. The Secret contains nothing usable: a replica creates a certificate and writes it to the
//     Secret, with the CA that signed it. A replica is ready when the certificate is in its memory
//     and the CA is in the caBundle of every webhook of the configuration.
//  2. A third of the lifetime is left: a replica creates the next certificate, with a new CA, and
//     writes it to the Secret beside the current one (staged). Each replica ensures that the
//     caBundle contains both CAs.
//  3. The next CA has been in the caBundle for the overlap: the next certificate becomes the
//     current one (promoted). The CA of its predecessor stays in the caBundle, for replicas that
//     have not seen the change yet.
//
// Each CA signs one certificate, and its key is then discarded, so nobody can steal it and sign
// another certificate. If someone resets a caBundle, for example by an upgrade, a replica publishes
// the CAs again as soon as it sees the change.
//
// The package does not use open-policy-agent/cert-controller. That reads its certificate from a
// mounted Secret, which reaches a running container up to a minute after the write. It requires a
// controller-runtime manager. And it replaces CA and certificate in one step, so that admissions
// fail until every replica and API server has followed.
//
// If cert-manager or an administrator maintains the certificate, Files follows the mounted files.
// It does not serve a certificate that the API server would refuse while it has a better one.
//
// In both cases, the replicas alone write the caBundle, and a CA stays in it while it is valid. So
// replicas with different sources of the certificate can run side by side while the chart changes
// the source, and nobody who applies the configuration (Helm, Argo CD) owns the field.
//
// The package never modifies a caBundle or Secret with another name, and never logs a key.
package servingcert
