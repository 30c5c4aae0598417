package image

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"data-space.liqo.io/test/cluster/internal/plan"
)

// Load puts an image into the node's containerd, unless it is there. It reports whether there was something to do.
func Load(ctx context.Context, dirs plan.Dirs, node string, b Built) (bool, error) {
	stamp := filepath.Join(dirs.Machine(node), "images", b.Name)
	if have, err := os.ReadFile(stamp); err == nil && string(have) == b.Digest {
		return false, nil
	}
	cmd := exec.CommandContext(ctx, dirs.Program("ctr"), "--address", dirs.ContainerdSocket(node), "--namespace", "k8s.io",
		"images", "import", b.Archive)
	if text, err := cmd.CombinedOutput(); err != nil {
		return false, fmt.Errorf("load image %s into %s: %w\n%s", b.Name, node, err, text)
	}
	if err := os.MkdirAll(filepath.Dir(stamp), 0o755); err != nil {
		return false, fmt.Errorf("remember image %s: %w", b.Name, err)
	}
	return true, os.WriteFile(stamp, []byte(b.Digest), 0o644)
}
