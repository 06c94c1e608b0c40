package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/azure-cert-sync/azure-cert-sync/e2e/internal/rig"
	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// sidecarMemory is the chart's limit.
const sidecarMemory = 64 << 20

// synced is the number of certificates that a sidecar keeps.
const synced = 2

// side is the sidecar under attack.
type side struct {
	programs
	program string
	azure   *rig.Azure
	cgroup  *rig.Cgroup
	stores  int // used so far
}

func newSide(p programs) *side { return &side{programs: p} }

func (s *side) part() part {
	attacks := append(s.connectionAttacks(), s.settingsAttacks()...)
	return part{attacks: append(attacks, s.syncAttacks()...), start: s.begin, stop: s.end}
}

func (s *side) begin(ctx context.Context) (err error) {
	if s.program, err = s.build(ctx, "sidecar"); err != nil {
		return err
	}
	if s.cgroup, err = rig.NewCgroup("certsync-abuse-sidecar", sidecarMemory); err != nil {
		return err
	}
	s.azure, err = rig.NewAzure(ctx, s.temp, synced)
	return err
}

func (s *side) end(context.Context) {
	if s.azure != nil {
		s.azure.End()
	}
	if s.cgroup != nil {
		if err := s.cgroup.Remove(); err != nil {
			progress("the sidecar's cgroup was not removed: %v", err)
		}
	}
}

// options are those of a sidecar with a new store.
func (s *side) options() rig.SidecarOptions {
	s.stores++
	return rig.SidecarOptions{
		Program: s.program, Store: fmt.Sprintf("store-%d", s.stores), Certificates: synced, Cgroup: s.cgroup,
	}
}

// attacked starts a sidecar, runs an attack on it and ends it. The error is an error of run, or
// that the sidecar has ended or is not ready any more.
func (s *side) attacked(
	ctx context.Context, o rig.SidecarOptions, run func(context.Context, *rig.Sidecar) (string, error),
) (string, error) {
	sidecar, err := s.azure.Start(ctx, o)
	if err != nil {
		return "", errors.Join(errSetup, err)
	}
	defer sidecar.Stop()
	before, err := sidecar.CPU()
	if err != nil {
		return "", errors.Join(errSetup, err)
	}
	cost, err := run(ctx, sidecar)
	if ended := sidecar.Ended(); ended != nil {
		return cost, errors.Join(ended, err)
	}
	if status, text := probe(ctx, sidecar); status != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("not ready after the attack: %d %s", status, text))
	}
	_, peak, memoryErr := sidecar.Memory()
	after, cpuErr := sidecar.CPU()
	return fmt.Sprintf("%s, CPU %.1f s, %s", mebibytes(peak), (after - before).Seconds(), cost), errors.Join(err, memoryErr, cpuErr)
}

// probe asks whether the sidecar is ready, as the kubelet does: by a new connection, within a
// second. Without a response the status is 0.
func probe(ctx context.Context, s *rig.Sidecar) (status int, text string) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return call(ctx, s, nil, http.MethodGet, contract.PathReady, "")
}

// call sends a request to the sidecar's port, from a source address unless it is nil, and with a
// Host unless it is empty. Without a response the status is 0.
func call(ctx context.Context, s *rig.Sidecar, source net.Addr, method, path, host string) (status int, text string) {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return rig.DialIn(ctx, s.PID(), source, portAddress())
		},
	}}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+portAddress()+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	req.Host = host
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body) // the status is there
	return resp.StatusCode, string(body)
}

func portAddress() string { return fmt.Sprintf("127.0.0.1:%d", contract.DefaultPort) }

// settingsFile is the file of the settings that an attack edits.
func (s *side) settingsFile() string { return filepath.Join(s.temp, "settings.json") }
