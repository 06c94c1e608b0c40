//go:build !windows

package reload

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// owner returns the user ID of the process, for an error message.
func (p process) owner() string {
	info, err := os.Stat(fmt.Sprintf("/proc/%d", p.pid))
	if err != nil {
		return "unknown"
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "unknown"
	}
	return strconv.FormatUint(uint64(stat.Uid), 10)
}
