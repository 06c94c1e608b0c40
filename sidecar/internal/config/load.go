package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/internal/smallfile"
)

// Load reads the settings file and the variable contract.EnvSettings, and validates them together.
// The error names the source and everything that is wrong with it.
func Load(o Options) (*Loaded, error) {
	content, file, err := readFile(o.File)
	if err != nil {
		return nil, err
	}
	return parse(o, content, file)
}

// parse does what Load does, with the content of the settings file. Without a file, both are empty.
func parse(o Options, content []byte, file string) (*Loaded, error) {
	var base, override *contract.Settings
	var err error
	source := file
	if file != "" {
		if base, err = parseFile(content, file); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if text := os.Getenv(contract.EnvSettings); text != "" {
		if override, err = contract.ParseFor(system, []byte(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", contract.EnvSettings, err)
		}
		source = cmp.Or(file, contract.EnvSettings)
	}
	if base == nil && override == nil && !o.NoCertificates {
		return nil, fmt.Errorf("no settings: %s, or name a file with --%s", rules(o, false).Mode.Text("set "+contract.EnvSettings,
			"write those of the VM extension to "+DefaultFile), Flag)
	}
	settings := contract.Overlay(base, override)
	l, err := validate(settings, rules(o, base != nil))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	l.File, l.content, l.judged = file, content, digestOf(content)
	l.Sequence, _ = sequenceOf(file)
	return l, nil
}

func parseFile(content []byte, file string) (s *contract.Settings, err error) {
	if _, ok := sequenceOf(file); ok {
		if content, err = publicSettings(content); err != nil {
			return nil, err
		}
	}
	return contract.ParseFor(system, content)
}

// Flag is the command-line flag of Options.File, for error texts.
const Flag = "settings"

func validate(s *contract.Settings, r contract.Rules) (*Loaded, error) {
	text, err := s.Encode()
	if err != nil {
		return nil, err
	}
	c, warnings, err := s.Validate(r)
	if err != nil {
		return nil, err
	}
	if err := checkIDs(c, r.Mode); err != nil {
		return nil, err
	}
	return &Loaded{Config: c, Warnings: warnings, text: string(text)}, nil
}

// readFile reads a settings file, or the newest of a directory of Azure's guest agent. An empty
// path stands for the default file, which may be missing; then file is empty.
func readFile(path string) (content []byte, file string, err error) {
	if file, err = newest(cmp.Or(path, DefaultFile)); err != nil {
		return nil, "", fmt.Errorf("settings: %w", err)
	}
	content, err = smallfile.Read(file, contract.MaxSettingsBytes)
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w: allow user ID %d to read it", err, os.Geteuid())
	}
	if err != nil {
		return nil, "", fmt.Errorf("settings file: %w", err)
	}
	return content, file, nil
}

func rules(o Options, hasFile bool) contract.Rules {
	r := contract.Rules{Mode: contract.Pod, NoCertificates: o.NoCertificates && !hasFile}
	if o.Host {
		r.Mode = hostMode
	}
	for suffix := range strings.SplitSeq(os.Getenv(contract.EnvAllowedVaults), ",") {
		if suffix = strings.TrimSpace(suffix); suffix != "" {
			r.AllowedVaults = append(r.AllowedVaults, suffix)
		}
	}
	return r
}
