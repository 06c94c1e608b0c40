// Package servingcert maintains the webhook's TLS certificate and the caBundle by which the API
// server trusts it.
//
// The certificate is in a Secret that all replicas share, and in the memory of each replica, so
// that they do not wait for files. The replica that writes the Secret first wins, by the API
// server's optimistic concurrency, and the others use what they see. The package guarantees that
// the published caBundle trusts the served certificate at any time:
//
//  1. Without a usable certificate in the Secret, a replica creates one and writes it, with the CA
//     that signed it. The replica is ready when the certificate is in memory and its CA is in the
//     caBundle of every webhook of the configuration.
//  2. With a third of the lifetime left, a replica creates the next certificate, with a new CA, and
//     writes it beside the current one (staged). Each replica makes sure that the caBundle holds
//     both CAs.
//  3. When the next CA has been in the caBundle for the overlap, the next certificate becomes the
//     current one (promoted). The previous CA stays in the caBundle, for replicas that have not
//     seen the change yet.
//
// Each CA signs one certificate, and its key is dropped at once, so that nobody can steal it to
// sign another one. If somebody resets the caBundle, for example an upgrade, a replica publishes it
// again as soon as it sees that.
//
// The package does not use open-policy-agent/cert-controller, which reads its certificate from a
// mounted Secret, up to a minute after it was written, needs a controller-runtime manager, and
// replaces CA and certificate in one step, so that admissions fail until every replica and API
// server has followed.
//
// Where others maintain the certificate, Files follows their files. It does not serve a certificate
// that the API server would refuse as long as it has a better one.
//
// The package never changes a caBundle or Secret with another name, and never logs a key.
package servingcert
