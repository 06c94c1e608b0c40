package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// cniPlugins is the directory of Debian's CNI plugins.
const cniPlugins = "/usr/lib/cni"

// debianPackages are the packages that a node needs in addition to the built programs, with a file
// or program of each.
var debianPackages = map[string]string{
	"containernetworking-plugins": cniPlugins + "/bridge",
	"iptables":                    "iptables",
	"nftables":                    "nft",
	"iproute2":                    "ip",
	"util-linux":                  "nsenter",
}

// imagePackages are the packages that image builds need.
var imagePackages = map[string]string{
	"buildah":         "buildah",
	"busybox-static":  "busybox",
	"ca-certificates": caBundle,
}

// ensurePackages installs the Debian packages whose program or file is missing, and logs that.
func ensurePackages(ctx context.Context, wanted map[string]string, log *progress) error {
	var missing []string
	for pkg, tool := range wanted {
		if _, err := lookTool(tool); err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	names := strings.Join(missing, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("missing Debian packages: %s: apt-get is not available, so install them or their programs", names)
	}
	return log.during("install Debian packages: "+names, func() error {
		// Waits if another apt-get runs.
		if _, err := output(aptGet(ctx, "update")); err != nil {
			return err
		}
		_, err := output(aptGet(ctx, append([]string{"install", "--yes", "--no-install-recommends"}, missing...)...))
		return err
	})
}

func aptGet(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-o", "DPkg::Lock::Timeout=300"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	return cmd
}

// lookTool finds a program, or a file by its path. It also searches the administrator's
// directories, which a user's PATH may not contain.
func lookTool(name string) (string, error) {
	if strings.HasPrefix(name, "/") {
		_, err := os.Stat(name)
		return name, err
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin/", "/sbin/"} {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: not found", name)
}
