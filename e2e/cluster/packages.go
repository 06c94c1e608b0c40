package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// cniPlugins is where Debian puts the CNI plugins.
const cniPlugins = "/usr/lib/cni"

// debianPackages are the packages that a node needs besides its own programs, and a file or program
// of each.
var debianPackages = map[string]string{
	"containernetworking-plugins": cniPlugins + "/bridge",
	"iptables":                    "iptables",
	"nftables":                    "nft",
	"iproute2":                    "ip",
	"util-linux":                  "nsenter",
}

// imagePackages are those that image builds need.
var imagePackages = map[string]string{
	"buildah":         "buildah",
	"busybox-static":  "busybox",
	"ca-certificates": caBundle,
}

// ensurePackages installs those Debian packages whose program or file is missing, and logs it.
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
		return fmt.Errorf("these Debian packages, or their programs, are missing, and apt-get is not available to install them: %s", names)
	}
	return log.during("install Debian packages: "+names, func() error {
		// Another apt-get may run: wait for it rather than fail.
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

// lookTool finds a program, also in the administrator's directories that a user's PATH may lack, or
// a file by its path.
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
