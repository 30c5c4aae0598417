//go:build kernel

package envoy

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/kit"
)

// sidecarMemory is the webhook's default of --proxy-limits.
const sidecarMemory = 256 << 20

// cage is a control group with the sidecar's memory limit.
type cage struct {
	dir, limit, peak, ooms string
	change                 func(config []byte) []byte // of the proxy's configuration; may be nil
}

// newCage makes the control group in whichever hierarchy has the memory controller.
func newCage(t *testing.T) *cage {
	t.Helper()
	c := &cage{limit: "memory.max", peak: "memory.peak", ooms: "memory.events"}
	root := "/sys/fs/cgroup"
	if _, err := os.Stat(root + "/memory/memory.limit_in_bytes"); err == nil {
		root += "/memory"
		c = &cage{limit: "memory.limit_in_bytes", peak: "memory.max_usage_in_bytes", ooms: "memory.oom_control"}
	}
	dir, err := os.MkdirTemp(root, kit.RunName()+"-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.Remove(dir)) })
	c.dir = dir
	c.atMost(t, sidecarMemory)
	return c
}

// atMost sets the memory limit, in bytes.
func (c *cage) atMost(t *testing.T, limit int64) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, c.limit), []byte(strconv.FormatInt(limit, 10)), 0o600))
}

// script puts the shell that runs it, and what it becomes, into the control group.
func (c *cage) script() string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf("echo $$ > %s/cgroup.procs", c.dir)
}

func (c *cage) read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, file))
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}

// kills is how many processes the kernel has ended because the limit was reached.
func (c *cage) kills(t *testing.T) int {
	t.Helper()
	for line := range strings.Lines(c.read(t, c.ooms)) {
		if count, found := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); found {
			n, err := strconv.Atoi(count)
			require.NoError(t, err)
			return n
		}
	}
	require.Fail(t, "the kernel does not count kills")
	return 0
}
