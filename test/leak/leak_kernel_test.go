//go:build kernel

package leak

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/test/leak/attack"
	"data-space.liqo.io/test/leak/trial"
)

// TestNothingLeaks: with our rules, whatever backend writes them, the tenant gets nothing out: with the capabilities that it
// has, and with CAP_NET_RAW smuggled in.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	for _, b := range []xtables.Backend{xtables.NFT, xtables.Legacy} {
		for name, capabilities := range map[string][]int{"without CAP_NET_RAW": nil, "with CAP_NET_RAW": {unix.CAP_NET_RAW}} {
			t.Run(string(b)+", "+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.enforce(b, w.bound())
				w.startProxy()
				means := []attack.Means{attack.Raw, attack.Frame}
				if capabilities != nil {
					means = means[:1] // frames are not for rules to stop, see below
				}
				results, err := w.trial(w.tenant(capabilities...), means...).Run(context.Background())
				require.NoError(t, err)
				t.Log(trial.Summary(results))
				require.Empty(t, leaks(results))
			})
		}
	}
}

// leaks are the lines of those that leaked.
func leaks(results []trial.Result) []string {
	var lines []string
	for _, r := range results {
		if len(r.Leaks) > 0 {
			lines = append(lines, strings.TrimSpace(r.String()))
		}
	}
	return lines
}
