// Package servingcert keeps the webhook's own TLS certificate, and the caBundle by which the API server trusts it.
//
// The certificate lives in a Secret that all replicas share and in the memory of each; there is no file to wait for. Who
// writes the Secret first wins, by the API server's optimistic concurrency, and the others take what they see. The
// package guarantees that what is served is at any time trusted by what is published:
//
//  1. Nothing usable in the Secret: a certificate is made and written, with the CA that signed it. The replica is
//     ready when the certificate is in memory and its CA is in the caBundle of every webhook of the configuration.
//  2. A third of the lifetime left: the next certificate is made, with a CA of its own, and written beside the
//     current one (staged). Each replica sees to it that the caBundle holds both CAs.
//  3. The next CA has been in the caBundle for the overlap: the next certificate becomes the current one (promoted).
//     Its predecessor's CA stays in the caBundle, for replicas that have not seen it yet.
//
// Each CA signs one certificate, and its key is dropped at once: there is no key to steal that could sign another.
// A caBundle that someone resets, as an upgrade may, is published again as soon as it is seen.
//
// It is own code and not open-policy-agent/cert-controller, since that reads its certificate from a mounted Secret, which
// reaches a running container up to a minute after it was written, wants a controller-runtime manager, and
// replaces CA and certificate in one step, so that admissions fail until every replica and API server has followed.
//
// Where others keep the certificate, Files follows what they put in place, and serves nothing that the API server would
// refuse as long as it has something better.
//
// It never touches a caBundle or Secret of another name, and never logs a key.
package servingcert
