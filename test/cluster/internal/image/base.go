package image

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"data-space.liqo.io/test/cluster/internal/supply"
)

// basePackages are what the images on Debian need: a shell for RUN lines, and the agent's tools. Envoy's glibc comes
// along as a dependency.
const basePackages = "dash,coreutils,iptables,ipset,conntrack"

// baseName is the Debian base in the builder's storage.
const baseName = "localhost/data-spacer-base:" + supply.DebianSuite

func baseStamp() string { return supply.DebianSuite + " " + basePackages }

// ensureBase makes the Debian base image, unless it is there.
func (b *Builder) ensureBase(ctx context.Context) error {
	dir := filepath.Join(b.Dirs.Cache, "base")
	stampFile := filepath.Join(dir, "stamp")
	if have, err := os.ReadFile(stampFile); err == nil && string(have) == baseStamp() {
		if _, err := b.buildah.run(ctx, "inspect", "--type=image", "--format={{.FromImageID}}", baseName); err == nil {
			return nil
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("base image: %w", err)
	}
	b.Log.Say("making the Debian base image: %s", basePackages)
	tar := filepath.Join(dir, "debian-"+supply.DebianSuite+".tar")
	args := []string{"--quiet", "--variant=extract", "--include=" + basePackages, supply.DebianSuite, tar}
	if text, err := exec.CommandContext(ctx, "mmdebstrap", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("mmdebstrap %s (is a Debian mirror reachable?): %w\n%s", strings.Join(args, " "), err, text)
	}
	if err := b.buildah.importTar(ctx, tar, baseName); err != nil {
		return err
	}
	if err := os.Remove(tar); err != nil {
		return fmt.Errorf("base image: %w", err)
	}
	return os.WriteFile(stampFile, []byte(baseStamp()), 0o644)
}
