//go:build windows

// Command workingset prints the memory of the processes of a program, one per line: the working set
// and the private bytes, in KiB.
//
// Usage:
//
//	workingset PROGRAM.EXE
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: workingset PROGRAM.EXE")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "workingset:", err)
		os.Exit(1)
	}
}

func run(program string) error {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return err
	}
	defer func() { _ = windows.CloseHandle(snapshot) }() // it is only read
	entry := windows.ProcessEntry32{}
	entry.Size = uint32(unsafe.Sizeof(entry))
	for err = windows.Process32First(snapshot, &entry); err == nil; err = windows.Process32Next(snapshot, &entry) {
		if !strings.EqualFold(windows.UTF16ToString(entry.ExeFile[:]), program) {
			continue
		}
		if err := print(entry.ProcessID); err != nil {
			return err
		}
	}
	if errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		return nil
	}
	return err
}

// counters is PROCESS_MEMORY_COUNTERS.
//
// Source: https://learn.microsoft.com/windows/win32/api/psapi/ns-psapi-process_memory_counters
type counters struct {
	size, faults                   uint32
	peakWorkingSet, workingSet     uintptr
	peakPaged, paged               uintptr
	peakNonPaged, nonPaged         uintptr
	privateBytes, peakPrivateBytes uintptr
}

var getMemoryInfo = windows.NewLazySystemDLL("psapi.dll").NewProc("GetProcessMemoryInfo")

func print(process uint32) error {
	handle, err := windows.OpenProcess(windows.PROCESS_QUERY_INFORMATION|windows.PROCESS_VM_READ, false, process)
	if err != nil {
		return err
	}
	defer func() { _ = windows.CloseHandle(handle) }() // it is only read
	var c counters
	c.size = uint32(unsafe.Sizeof(c))
	if ok, _, err := getMemoryInfo.Call(uintptr(handle), uintptr(unsafe.Pointer(&c)), uintptr(c.size)); ok == 0 {
		return err
	}
	_, err = fmt.Printf("working set %d KiB, private %d KiB\n", c.workingSet/1024, c.privateBytes/1024)
	return err
}
