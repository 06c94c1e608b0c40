// Package migrate converts configurations of other products to annotations, ConfigMaps and service
// accounts:
//
//   - settings of the Key Vault VM extension
//   - SecretProviderClass of the Secrets Store CSI driver, provider azure
//
// It guarantees that nothing is lost silently: what does not carry over is in the notes. The output
// passes the validation of the webhook. The package does no I/O.
package migrate
