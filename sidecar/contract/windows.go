package contract

// WindowsKey are the properties of a certificate in a certificate store of Windows.
type WindowsKey struct {
	// KeyExportable allows administrators to export the private key.
	KeyExportable bool
	// Accounts have read access to the private key, besides SYSTEM and the administrators. The list
	// is sorted and has no duplicates.
	Accounts []string
	// LinkOnRenewal links a renewed certificate to its successor, so that Schannel and IIS use that.
	LinkOnRenewal bool
}
