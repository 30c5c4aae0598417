package supply

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// crioTools are the commands that CRI-O calls. The compiler that it needs is one of the lab's tools.
func crioTools() []tool { return []tool{{"conmon", "conmon"}} }

// CRIO brings the container runtime that only tests run, beside the lab's containerd.
func (u Upstream) CRIO(ctx context.Context) error {
	if err := install(ctx, u.Log, missingPackages(crioTools(), exec.LookPath)); err != nil {
		u.Log.Say("warning: %v", err)
	}
	crio := source{pkg: "github.com/cri-o/cri-o/cmd/crio", module: pinned + "/crio", tags: "containers_image_openpgp,exclude_graphdriver_btrfs"}
	if err := u.ensure(ctx, []source{crio}); err != nil {
		return err
	}
	return u.pinns(ctx, crio)
}

// pinns builds CRI-O's helper that makes namespaces. It is a C program, whose source comes with CRI-O's.
func (u Upstream) pinns(ctx context.Context, crio source) error {
	const name = "pinns"
	recipe, err := u.recipe(crio)
	if err != nil || built(u.Dirs, name, recipe.stamp) {
		return err
	}
	dir, err := exec.CommandContext(ctx, "go", "list", "-C", recipe.module, "-f", "{{.Dir}}", crio.pkg).Output()
	if err != nil {
		return fmt.Errorf("source of %s: %w", name, err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "..", "..", name, "src", "*.c"))
	if err != nil {
		return fmt.Errorf("source of %s: %w", name, err)
	}
	out := u.Dirs.Program(name)
	cmd := exec.CommandContext(ctx, "cc", append([]string{"-std=c99", "-Os", "-static", "-s", "-o", out + ".new"}, files...)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", name, err, text)
	}
	if err := os.Rename(out+".new", out); err != nil {
		return fmt.Errorf("build %s: %w", name, err)
	}
	return writeStamp(u.Dirs, name, recipe.stamp)
}
