package claims

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/values/fact"
)

func TestEachRequestIsOneFact(t *testing.T) {
	const asked = "/process/12"
	hospital := []netip.Addr{netip.MustParseAddr("192.0.2.20")}
	whole := func() []fact.Recorded {
		lines := []fact.Recorded{{Fact: fact.Fact{Kind: fact.Requested, Request: &fact.Request{Direction: "ingress", Method: "POST", Path: asked, Status: "200"}}}}
		for id := 1; id <= 12; id++ {
			q := fact.Request{Direction: "egress", Method: "GET", Path: fmt.Sprintf("/patients/%d", id), Status: "200", Destination: "192.0.2.20:80"}
			if id > hospitalPatients {
				q.Status = "404"
			}
			lines = append(lines, fact.Recorded{Fact: fact.Fact{Kind: fact.Requested, Request: &q}})
		}
		return lines
	}
	require.NoError(t, once(whole(), 12, hospital, asked))
	for name, change := range map[string]func([]fact.Recorded) []fact.Recorded{
		"missing": func(l []fact.Recorded) []fact.Recorded { return l[:12] },
		"twice":   func(l []fact.Recorded) []fact.Recorded { return append(l, l[3]) },
		"counted, not recorded": func(l []fact.Recorded) []fact.Recorded {
			return append(l, fact.Recorded{Fact: fact.Fact{Kind: fact.FactsCounted, Count: 2}})
		},
		"another answer":      func(l []fact.Recorded) []fact.Recorded { l[2].Request.Status = "503"; return l },
		"another method":      func(l []fact.Recorded) []fact.Recorded { l[2].Request.Method = "HEAD"; return l },
		"another destination": func(l []fact.Recorded) []fact.Recorded { l[2].Request.Destination = "192.0.2.21:80"; return l },
		"the proxy's answer":  func(l []fact.Recorded) []fact.Recorded { l[2].Request.Proxy = "UF"; return l },
		"not asked to":        func(l []fact.Recorded) []fact.Recorded { return l[1:] },
	} {
		require.Error(t, once(change(whole()), 12, hospital, asked), name)
	}
}

// What the row does to a node's log is what only a witness finds: alone, the log is intact.
func TestALogThatIsWrittenAgainIsIntactAlone(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "facts")
	l, err := factlog.Open(folder, factlog.Options{Node: "node", Total: 1 << 28, Segment: 1 << 23, Age: time.Hour})
	require.NoError(t, err)
	for range 5 {
		_, err := l.Append([]fact.Fact{{Time: time.Now(), Kind: fact.AgentStarted}, {Time: time.Now(), Kind: fact.PolicyInForce}})
		require.NoError(t, err)
	}
	before, err := l.Checkpoint()
	require.NoError(t, err)
	require.NoError(t, l.Close())

	require.NoError(t, rewrite(folder))
	alone, c, err := factlog.Folder(folder).Audit(nil)
	require.NoError(t, err)
	require.Empty(t, alone.Flaws)
	require.Equal(t, l.Origin(), c.Origin)
	compared, _, err := factlog.Folder(folder).Audit(nil, before)
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(compared.Flaws, func(f translog.Flaw) bool { return f.Reason == translog.Rewritten }))

	require.NoError(t, restore(folder))
	compared, _, err = factlog.Folder(folder).Audit(nil, before)
	require.NoError(t, err)
	require.Empty(t, compared.Flaws)
	require.NoDirExists(t, folder+".again")
	require.NoDirExists(t, folder+".honest")
}
