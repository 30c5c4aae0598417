package redirect_test

import (
	"flag"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/values/iptables"
)

var update = flag.Bool("update", false, "write testdata/words.txt")

// TestWords compares every word that is written into a pod with the golden. What the kernel makes of the words is in the goldens of
// pkg/effects/dataplane.
func TestWords(t *testing.T) {
	s := redirect.Settings{IPv6: true}
	node := []netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("2001:db8::1")}
	var b strings.Builder
	for _, c := range []struct {
		name string
		sets []iptables.Ruleset
	}{
		{"bound", redirect.Plan(s, proxy(true))},
		{"unbound", redirect.Plan(s, proxy(false))},
		{"closed", redirect.Closed(s)},
		{"quarantine", redirect.Quarantine(s, node)},
		{"shut", redirect.Shut(s)},
	} {
		for _, set := range c.sets {
			b.WriteString("# " + c.name + ", " + string(set.Family) + "\n" + strings.ReplaceAll(set.Restore(), "[0:0] ", ""))
		}
	}
	const golden = "testdata/words.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String(), "to accept the difference: go test ./pkg/decisions/redirect -update")
}

func BenchmarkPlanAndRender(b *testing.B) {
	s, p := redirect.Settings{IPv6: true}, proxy(true)
	b.ReportAllocs()
	for b.Loop() {
		for _, set := range redirect.Plan(s, p) {
			_ = set.Restore()
		}
	}
}
