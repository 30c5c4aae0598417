package image

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"data-space.liqo.io/test/cluster/internal/supply"
)

// module builds a Go package as a shared object. Only this needs a C compiler, since the C library's linker has to be used. The same source,
// Go and C compiler give the same bytes, wherever the tree lies.
func (b *Builder) module(ctx context.Context, dir, to string) error {
	compiler := cmp.Or(os.Getenv("CC"), "gcc")
	if _, err := exec.LookPath(compiler); err != nil {
		return fmt.Errorf("build %s, which reads along in the proxy, with a C compiler (install Debian's packages gcc and libc6-dev, or set CC): %w", filepath.Base(to), err)
	}
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"build", "-C", b.Root}, supply.ModuleFlags()...), "-o", to, dir)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "CC="+compiler)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s (it needs the headers of the C library, too: Debian's libc6-dev): %w\n%s", dir, err, text)
	}
	return nil
}
