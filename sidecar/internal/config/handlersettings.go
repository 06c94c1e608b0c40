package config

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Azure's guest agent hands settings to an extension as <sequence number>.settings in the
// extension's config directory, and the extension reports in <sequence number>.status. Each change
// of the settings has a higher number. A directory with such files, and one of them, may stand in
// the place of the settings file.
//
// Source: https://github.com/Azure/azure-vmextension-publishing, "Extension settings"
const handlerSuffix = ".settings"

// newest returns the file of a directory with the highest sequence number. Any other path is
// returned as it is.
func newest(path string) (string, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return path, nil //nolint:nilerr // reading the file reports the error
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return "", err
	}
	highest, file := -1, ""
	for _, e := range entries {
		if n, ok := sequenceOf(e.Name()); ok && n > highest {
			highest, file = n, filepath.Join(path, e.Name())
		}
	}
	return cmp.Or(file, path), nil // reading a directory reports the error
}

// sequenceOf returns the number in the name of a file of the guest agent.
func sequenceOf(path string) (int, bool) {
	number, ok := strings.CutSuffix(filepath.Base(path), handlerSuffix)
	n, err := strconv.ParseUint(number, 10, 31)
	return int(n), ok && err == nil
}

// publicSettings returns the settings in a file of the guest agent.
func publicSettings(content []byte) ([]byte, error) {
	var file struct {
		RuntimeSettings []struct {
			HandlerSettings struct {
				PublicSettings json.RawMessage `json:"publicSettings"`
			} `json:"handlerSettings"`
		} `json:"runtimeSettings"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		return nil, fmt.Errorf("is not a settings file of Azure's guest agent: %w", err)
	}
	if len(file.RuntimeSettings) != 1 || file.RuntimeSettings[0].HandlerSettings.PublicSettings == nil {
		return nil, errors.New("expected one runtimeSettings[0].handlerSettings.publicSettings, as Azure's guest agent writes it")
	}
	return file.RuntimeSettings[0].HandlerSettings.PublicSettings, nil
}
