package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/hostile"
	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// edit replaces the settings file.
type edit struct {
	name    string
	replace func(path string) error
}

func text(name, content string) edit {
	return edit{name, func(path string) error {
		// By a rename, as the kubelet updates a ConfigMap.
		if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
			return err
		}
		return os.Rename(path+".new", path)
	}}
}

func (s *side) settingsAttacks() []attack {
	var worst, huge []edit
	for _, name := range slices.Sorted(maps.Keys(hostile.Settings)) {
		if name == "many entries" {
			continue // these are valid: certificates that do not exist
		}
		worst = append(worst, text(name, hostile.Settings[name](contract.MaxSettingsBytes-1000)))
		huge = append(huge, text(name+" of 1 MiB", hostile.Settings[name](1<<20)))
	}
	fifo := edit{"a FIFO", func(path string) error {
		return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600))
	}}
	directory := edit{"a directory", func(path string) error {
		return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
	}}
	return []attack{
		s.edits("sidecar-settings-deep", text("20 KiB of [", strings.Repeat("[", 20<<10))),
		s.edits("sidecar-settings-96k", worst...),
		s.edits("sidecar-settings-1m", huge...),
		s.edits("sidecar-settings-fifo", fifo),
		s.edits("sidecar-settings-directory", directory),
	}
}

// edits is the attack that edits the settings of a running sidecar, and kills it.
func (s *side) edits(name string, edits ...edit) attack {
	return attack{name, "64 MiB, ready, says why, also after a kill", func(ctx context.Context) (string, error) {
		o := s.options()
		o.SettingsFile = s.settingsFile()
		good := text("", rig.Settings(s.azure.StorePath(o.Store), synced))
		var errs []error
		var worst int64
		for _, e := range edits {
			peak, err := s.edited(ctx, o, good, e)
			if errors.Is(err, errSetup) {
				return "", err
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", e.name, err))
			}
			worst = max(worst, peak)
		}
		return fmt.Sprintf("%s, %d edits", mebibytes(worst), len(edits)), errors.Join(errs...)
	}}
}

// edited starts a sidecar with good settings, makes an edit, and kills the sidecar so that it
// starts again with the edited settings. It returns the highest peak of memory.
func (s *side) edited(ctx context.Context, o rig.SidecarOptions, good, e edit) (int64, error) {
	if err := os.RemoveAll(o.SettingsFile); err != nil {
		return 0, errors.Join(errSetup, err)
	}
	if err := good.replace(o.SettingsFile); err != nil {
		return 0, errors.Join(errSetup, err)
	}
	first, err := s.azure.Start(ctx, o)
	if err != nil {
		return 0, errors.Join(errSetup, err)
	}
	defer first.Kill()
	if err := e.replace(o.SettingsFile); err != nil {
		return 0, errors.Join(errSetup, err)
	}
	peak, err := observe(ctx, first)
	first.Kill()
	second, startErr := s.azure.Start(ctx, o)
	if startErr != nil {
		return peak, errors.Join(err, fmt.Errorf("after a kill: %w", startErr))
	}
	defer second.Kill()
	later, laterErr := observe(ctx, second)
	if laterErr != nil {
		laterErr = fmt.Errorf("after a kill: %w", laterErr)
	}
	return max(peak, later), errors.Join(err, laterErr)
}

// observe waits until a sidecar says what is wrong with its settings, and checks that it is ready.
func observe(ctx context.Context, s *rig.Sidecar) (peak int64, err error) {
	_ = s.Signal(syscall.SIGHUP) // it reads the file at once; Ended reports if it has ended
	err = rig.Await(ctx, 15*time.Second, func() error {
		if ended := s.Ended(); ended != nil {
			return nil
		}
		callCtx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		status, text := call(callCtx, s, nil, http.MethodGet, contract.PathStatus, "")
		if status != http.StatusOK || !strings.Contains(text, "changed settings are refused") {
			return fmt.Errorf("the status does not say what is wrong: %d %.300s", status, text)
		}
		return nil
	})
	if ended := s.Ended(); ended != nil {
		return 0, ended
	}
	if status, text := probe(ctx, s); status != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("not ready: %d %s", status, text))
	}
	_, peak, memoryErr := s.Memory()
	return peak, errors.Join(err, memoryErr)
}
