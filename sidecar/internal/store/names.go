package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

func generationName(n uint64) string { return fmt.Sprintf("..%010d", n) }

// generationNumber is the inverse of generationName. It returns 0 for all other names.
func generationNumber(name string) uint64 {
	n, err := strconv.ParseUint(strings.TrimPrefix(name, ".."), 10, 64)
	if err != nil || name != generationName(n) {
		return 0
	}
	return n
}

// versioned returns the name of a version's PEM file.
func versioned(fileName, version string) string { return fileName + "." + version }

// Suffixes that are appended to the link name.
const (
	splitSuffix  = ".d"
	pkcs12Suffix = ".p12"
	jksSuffix    = ".jks"
)

// Suffixes of the format "keyid", the layout of version 4 of the Key Vault VM extension.
const (
	// SuffixChain is the suffix of the file with the certificates.
	SuffixChain = ".pem"
	// SuffixKey is the suffix of the file with the private key.
	SuffixKey = ".keyid"
	// SuffixMetadata is the suffix of the file that describes the certificate. Everyone may read
	// it.
	SuffixMetadata = ".luma"
)

// metadataAccess defines who may read the files with SuffixMetadata.
var metadataAccess = Access{Mode: 0o644}

// publicNames returns the names, by the formats of a certificate, that applications open. A name of
// the split format is a directory.
func publicNames(link string, formats []string) (names []string) {
	for _, format := range formats {
		switch format {
		case contract.FormatPEM:
			names = append(names, link)
		case contract.FormatSplit:
			names = append(names, link+splitSuffix)
		case contract.FormatPKCS12:
			names = append(names, link+pkcs12Suffix)
		case contract.FormatJKS:
			names = append(names, link+jksSuffix)
		case contract.FormatKeyID:
			names = append(names, link+SuffixChain, link+SuffixKey, link+SuffixMetadata)
		}
	}
	return names
}

// allFormats are the formats that a store can contain, in the order of contract.Certificate.
var allFormats = []string{
	contract.FormatPEM, contract.FormatSplit, contract.FormatPKCS12, contract.FormatJKS, contract.FormatKeyID,
}

func (e Entry) validate() error {
	names := append([]string{e.FileName, e.LinkName}, slices.Collect(maps.Keys(e.Files.Split))...)
	for suffix := range e.Files.KeyID {
		names = append(names, e.LinkName+suffix)
	}
	if e.Version != "" || !e.Files.empty() {
		names = append(names, e.Version)
	}
	for _, name := range names {
		if err := checkName(name); err != nil {
			return err
		}
	}
	if e.LinkName == versioned(e.FileName, e.Version) {
		return conflict(e.LinkName, "the link has the name of the file that it leads to")
	}
	return nil
}

// topLevel returns the first element of a name in a generation.
func topLevel(name string) string {
	first, _, _ := strings.Cut(name, "/")
	return first
}

const maxNameBytes = 255 // NAME_MAX on Linux

// checkName accepts one path element. It rejects names that begin with "..", because they are
// reserved for the store, and the name of the manifest.
func checkName(name string) error {
	switch {
	case name == "", name == ".", name == manifestName, strings.HasPrefix(name, ".."),
		strings.ContainsAny(name, "/\x00"), len(name) > maxNameBytes:
		return &Error{Reason: Invalid, Op: "name", Path: name, Err: errors.New("is not a valid file name in the store"),
			Remedy: `use one path element of at most 255 bytes that does not begin with ".."`}
	}
	return nil
}

func conflict(name, why string) *Error {
	return &Error{Reason: Conflict, Op: "plan", Path: name, Err: errors.New(why),
		Remedy: "give one of them another customSymbolicLinkName or certificateStoreLocation"}
}
