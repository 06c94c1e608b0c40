package contract

import (
	"cmp"
	"slices"
)

// Overlay returns the settings of base and over combined. Each setting of over that is not empty
// replaces the one of base. The observedCertificates of over are appended to those of base. Both
// arguments can be nil. The result shares no memory with them.
func Overlay(base, over *Settings) *Settings {
	if base == nil {
		base = &Settings{}
	}
	if over == nil {
		over = &Settings{}
	}
	b, o := &base.SecretsManagement, &over.SecretsManagement
	return &Settings{
		SecretsManagement: SecretsManagement{
			PollingInterval:          cmp.Or(o.PollingInterval, b.PollingInterval),
			RequireInitialSync:       overlayBool(b.RequireInitialSync, o.RequireInitialSync),
			CertificateStoreLocation: cmp.Or(o.CertificateStoreLocation, b.CertificateStoreLocation),
			CertificateStoreName:     cmp.Or(o.CertificateStoreName, b.CertificateStoreName),
			ACLEnabled:               overlayBool(b.ACLEnabled, o.ACLEnabled),
			LinkOnRenewal:            overlayBool(b.LinkOnRenewal, o.LinkOnRenewal),
			FileMode:                 cmp.Or(o.FileMode, b.FileMode),
			Readers:                  overlayList(b.Readers, o.Readers),
			Port:                     cmp.Or(o.Port, b.Port),
			LogLevel:                 cmp.Or(o.LogLevel, b.LogLevel),
			KeystorePasswordFile:     cmp.Or(o.KeystorePasswordFile, b.KeystorePasswordFile),
			Formats:                  overlayList(b.Formats, o.Formats),
			Reload: Reload{
				Signal:  cmp.Or(o.Reload.Signal, b.Reload.Signal),
				Process: cmp.Or(o.Reload.Process, b.Reload.Process),
				URL:     cmp.Or(o.Reload.URL, b.Reload.URL),
			},
			ObservedCertificates: append(cloneObserved(b.ObservedCertificates), cloneObserved(o.ObservedCertificates)...),
		},
		Authentication: Authentication{
			MSIEndpoint: cmp.Or(over.Authentication.MSIEndpoint, base.Authentication.MSIEndpoint),
			MSIClientID: cmp.Or(over.Authentication.MSIClientID, base.Authentication.MSIClientID),
			Credential:  cmp.Or(over.Authentication.Credential, base.Authentication.Credential),
		},
		Logging: Logging{
			Logger:      cmp.Or(over.Logging.Logger, base.Logging.Logger),
			Endpoint:    cmp.Or(over.Logging.Endpoint, base.Logging.Endpoint),
			Format:      cmp.Or(over.Logging.Format, base.Logging.Format),
			ServiceName: cmp.Or(over.Logging.ServiceName, base.Logging.ServiceName),
		},
	}
}

func overlayBool(base, over *bool) *bool {
	chosen := cmp.Or(over, base)
	if chosen == nil {
		return nil
	}
	b := *chosen
	return &b
}

func overlayList(base, over []string) []string {
	if len(over) > 0 {
		return slices.Clone(over)
	}
	return slices.Clone(base)
}

func cloneObserved(list []ObservedCertificate) []ObservedCertificate {
	list = slices.Clone(list)
	for i := range list {
		list[i].ACLs = slices.Clone(list[i].ACLs)
		list[i].Formats = slices.Clone(list[i].Formats)
		list[i].Accounts = slices.Clone(list[i].Accounts)
		list[i].KeyExportable = overlayBool(list[i].KeyExportable, nil)
	}
	return list
}
