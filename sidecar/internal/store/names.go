package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
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
