package kubectlplugin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/effects/agentexec"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// talker is a cluster in which the agent of one node answers the same text without end, at each path.
type talker struct {
	nodes
	text    string
	written int64
	most    int64 // bytes
	pods    bool
}

func (e *talker) Ask(ctx context.Context, a agentexec.Agent, stdout io.Writer, path string) error {
	if a.Node != "rubbish" || path == agentapi.RecordPath || !strings.HasPrefix(path, agentapi.FactsPath) {
		return e.nodes.Ask(ctx, a, stdout, path)
	}
	for i := 0; e.written < e.most; i++ {
		if e.pods { // each is another one
			line, err := fact.Encode(int64(i), fact.Fact{Time: at, Kind: fact.PodSeen, Subject: fact.Subject{Namespace: "space", Pod: strconv.Itoa(i)}})
			if err != nil {
				return err
			}
			e.text = string(line) + "\n"
		}
		n, err := io.WriteString(stdout, e.text)
		if e.written += int64(n); err != nil {
			return err
		}
	}
	return nil
}

// Root of a node has its agent answer facts without end, about a guest's pods and the agent: what is kept is bounded, and what other nodes have is shown.
func TestAnAnswerWithoutEndIsBounded(t *testing.T) {
	big := strings.Repeat("x", fact.MaxMessage)
	details := map[string]string{"to": "Enforced"}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		details[name] = big
	}
	state := fact.Fact{Time: at, Kind: fact.PodStateChanged, Message: big, Subject: fact.Subject{Guest: "pharma", Namespace: "pharma-space", Pod: "study"}, Details: details}
	for name, command := range map[string]func(ctx context.Context, c Cluster) (text string, err error){
		"report": func(ctx context.Context, c Cluster) (string, error) {
			page, missing, err := Report(ctx, c, at.Add(-time.Hour), at.Add(time.Hour))
			require.NoError(t, err)
			require.Len(t, page.Drift.Events, 1)
			return page.Drift.Events[0].What, errors.New(strings.Join(missing, "\n"))
		},
		"watch": func(ctx context.Context, c Cluster) (string, error) {
			var out bytes.Buffer
			err := Watch(ctx, c, &out, Watching{Filter: happening.Filter{Types: []string{happening.State, happening.Drift}}}, Style{Form: FormCompact})
			return out.String()[max(0, out.Len()-4000):], err
		},
		"explain --at": func(ctx context.Context, c Cluster) (string, error) {
			var out bytes.Buffer
			err := explainAt(ctx, c, &out, "pharma-space", "study", Style{Form: FormTable}, at.Add(3*time.Minute))
			return out.String(), err
		},
		"explain --to --at": func(ctx context.Context, c Cluster) (string, error) {
			var out bytes.Buffer
			err := ExplainPast(ctx, c, &out, netpolicy.Key{Namespace: "pharma-space", Name: "study"}, Style{Form: FormTable}, Connection{To: "10.0.0.2:80", Protocol: "tcp"}, at.Add(3*time.Minute))
			require.ErrorIs(t, err, errNotKnown)
			return "DriftRepaired", errors.New(out.String())
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := &talker{nodes: watched(t), text: factLines(t, state), most: 2 * mostKept}
			cluster.nodes["rubbish"] = map[string]any{}
			if name == "explain --to --at" {
				cluster.pods = true
			}
			text, err := command(t.Context(), cluster)
			require.ErrorContains(t, err, "node rubbish are missing or not whole: the agent answers more than 64 MiB of events")
			require.Contains(t, text, "DriftRepaired", "of another node")
			require.Less(t, cluster.written, int64(3*mostKept/2))
		})
	}
	t.Run("watch --last keeps few, and reads on", func(t *testing.T) {
		cluster := &talker{nodes: watched(t), text: factLines(t, state), most: mostKept * 5 / 4}
		cluster.nodes["rubbish"] = map[string]any{}
		var out bytes.Buffer
		require.NoError(t, Watch(t.Context(), cluster, &out, Watching{Last: 3}, Style{Form: FormCompact}))
		require.Equal(t, 3, strings.Count(out.String(), "\n"))
	})
}
