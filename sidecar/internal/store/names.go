package store

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// versioned is the name of a version's PEM file.
func versioned(fileName, version string) string { return fileName + "." + version }

// Suffixes of the link name.
const (
	splitSuffix  = ".d"
	pkcs12Suffix = ".p12"
	jksSuffix    = ".jks"
)

func (e Entry) validate() error {
	names := append([]string{e.FileName, e.LinkName}, slices.Collect(maps.Keys(e.Files.Split))...)
	if e.Version != "" || !e.Files.empty() {
		names = append(names, e.Version)
	}
	for _, name := range names {
		if err := checkName(name); err != nil {
			return err
		}
	}
	return nil
}

const maxNameBytes = 255 // NAME_MAX of Linux

// checkName accepts one path element that is neither hidden behind "..", which is how the names of the
// store's own begin, nor the manifest's.
func checkName(name string) error {
	switch {
	case name == "", name == ".", name == manifestName, strings.HasPrefix(name, ".."),
		strings.ContainsAny(name, "/\x00"), len(name) > maxNameBytes:
		return &Error{Reason: Invalid, Op: "name", Path: name, Err: errors.New("cannot be a file name in the store"),
			Do: `use one path element of at most 255 bytes that does not begin with ".."`}
	}
	return nil
}

func conflict(name, why string) *Error {
	return &Error{Reason: Conflict, Op: "plan", Path: name, Err: errors.New(why),
		Do: "give one of them another customSymbolicLinkName or certificateStoreLocation"}
}
