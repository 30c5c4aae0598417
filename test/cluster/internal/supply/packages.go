package supply

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"data-space.liqo.io/test/cluster/internal/steps"
)

// tool is a command that must be on the machine, and the Debian package that brings it.
type tool struct{ command, pkg string }

// tools are what the lab needs.
func tools() []tool {
	return []tool{
		{"iptables-nft-restore", "iptables"},
		{"iptables-legacy-restore", "iptables"},
		{"nft", "nftables"},
		{"ipset", "ipset"},
		{"conntrack", "conntrack"},
		{"ip", "iproute2"},
		{"runc", "runc"},
		{"buildah", "buildah"},
		{"mmdebstrap", "mmdebstrap"},
		{"tcpdump", "tcpdump"},
		{"sysctl", "procps"},
		{"nsenter", "util-linux"},
		{"mount", "mount"},
		{"cc", "gcc"}, // for the proxy's module; a compiler without the C library's headers is of no use
		{"cc", "libc6-dev"},
	}
}

// testTools are what the tests need besides.
func testTools() []tool {
	return []tool{
		{"musl-gcc", "musl-tools"},
	}
}

// Packages installs the Debian packages that the lab needs and the machine lacks, or says which they are when it cannot.
func Packages(ctx context.Context, progress *steps.Log) error {
	return install(ctx, progress, missingPackages(tools(), exec.LookPath))
}

// TestPackages is Packages, and those that the tests need besides.
func TestPackages(ctx context.Context, progress *steps.Log) error {
	return install(ctx, progress, missingPackages(append(tools(), testTools()...), exec.LookPath))
}

// pip installs pip, if it is missing.
func pip(ctx context.Context, progress *steps.Log) error {
	if exec.CommandContext(ctx, "python3", "-m", "pip", "--version").Run() == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return install(ctx, progress, []string{"python3-pip"})
}

func install(ctx context.Context, progress *steps.Log, packages []string) error {
	if len(packages) == 0 {
		return nil
	}
	list := strings.Join(packages, " ")
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return fmt.Errorf("packages are missing (names as in Debian): %s; install them, or run this as root on Debian", list)
	}
	progress.Say("installing Debian packages: %s", list)
	for _, args := range [][]string{
		{"update", "--quiet"},
		append([]string{"install", "--yes", "--quiet", "--no-install-recommends"}, packages...),
	} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(args, " "), err, text)
		}
	}
	return nil
}

// missingPackages are the packages of the commands that lookPath does not find. Debian keeps some in /usr/sbin, which
// an ordinary user's PATH lacks.
func missingPackages(tools []tool, lookPath func(string) (string, error)) []string {
	var missing []string
	for _, t := range tools {
		_, err := lookPath(t.command)
		if err != nil {
			_, err = lookPath("/usr/sbin/" + t.command)
		}
		if err != nil && !slices.Contains(missing, t.pkg) {
			missing = append(missing, t.pkg)
		}
	}
	return missing
}
