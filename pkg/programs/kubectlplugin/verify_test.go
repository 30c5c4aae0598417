package kubectlplugin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/agentexec"
	"data-space.liqo.io/pkg/values/agentapi"
)

// well is a node of which everything verifies.
func well() map[string]any {
	return map[string]any{
		agentapi.EndpointsPath:  agentapi.NodeStatus{Ready: true, Endpoints: []agentapi.EndpointStatus{{UID: "uid", State: agentapi.Enforced}}},
		agentapi.VerifyNodePath: agentapi.PolicyStatus{InForce: true},
		agentapi.RecordPath:     agentapi.RecordStatus{Signed: 7, Keys: []string{"key"}, Witnesses: []agentapi.Witnessed{{Name: "w", Lines: 7, Asked: time.Now()}}},
		agentapi.VerifiedPath:   agentapi.RecordVerification{Origin: "data-space.liqo.io/node/well/1", Covered: 7, Read: 8, Parts: 2},
	}
}

func TestVerifyAsksEachNodeAboutAllThatItKeeps(t *testing.T) {
	v, err := Verify(t.Context(), nodes{"well": well()}, nil)
	require.NoError(t, err)
	require.True(t, v.Healthy, v.Problems())
	require.Equal(t, "in force", v.Records[0].Policies)

	altered := well()
	altered[agentapi.VerifiedPath] = agentapi.RecordVerification{Origin: "o", Flaws: []agentapi.RecordFlaw{{Reason: "Altered", Index: 3, Message: "m\x1b[2J"}}}
	plain := well()
	delete(plain, agentapi.RecordPath)
	delete(plain, agentapi.VerifyNodePath)
	v, err = Verify(t.Context(), nodes{"altered": altered, "plain": plain, "silent": errors.New("hangs")}, nil)
	require.NoError(t, err)
	require.False(t, v.Healthy)
	problems := strings.Join(v.Problems(), "\n")
	require.Contains(t, problems, "node altered: Altered: line 3")
	require.Contains(t, problems, "node silent: the agent does not answer")
	require.NotContains(t, problems, "node plain: ")

	var out bytes.Buffer
	require.NoError(t, PrintVerification(&out, v, Style{Form: FormTable}, time.Now()))
	require.Contains(t, out.String(), "NOT intact")
	require.NotContains(t, out.String(), "\x1b")
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "problem:") {
			require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 120, line)
		}
	}
}

func TestAnAnswerThatDoesNotProveWhatWasKeptIsAProblem(t *testing.T) {
	folder := Folder(t.TempDir())
	require.NoError(t, folder.Keep("well", []string{"key"}, []byte("not a checkpoint")))
	node := well()
	node[agentapi.ContinuedPath] = "nonsense"
	v, err := Verify(t.Context(), nodes{"well": node}, folder)
	require.NoError(t, err)
	require.False(t, v.Healthy)
	keys, checkpoint, err := folder.Read("well")
	require.NoError(t, err)
	require.Equal(t, []string{"key"}, keys, "what was kept stays as evidence")
	require.Equal(t, "not a checkpoint", string(checkpoint))
}

// endless is an agent that answers without end.
type endless struct{ nodes }

func (e endless) Ask(ctx context.Context, a agentexec.Agent, stdout io.Writer, path string) error {
	if path, _, _ := strings.Cut(path, "?"); path != agentapi.ContinuedPath {
		return e.nodes.Ask(ctx, a, stdout, path)
	}
	text := make([]byte, 1<<20)
	for range 2 * mostAnswer / len(text) {
		if _, err := stdout.Write(text); err != nil {
			return err
		}
	}
	return nil
}

func TestAnAnswerWithoutEndIsAProblemAndDoesNotFillTheMemory(t *testing.T) {
	v, err := Verify(t.Context(), endless{nodes{"well": well()}}, Folder(t.TempDir()))
	require.NoError(t, err)
	require.Contains(t, strings.Join(v.Problems(), "\n"), "more than 64 MiB")
}

func TestColoursAreForTerminals(t *testing.T) {
	var plain, coloured bytes.Buffer
	require.NoError(t, Print(&plain, sample(time.Now()), Style{Form: FormTable}, time.Now()))
	require.NoError(t, Print(&coloured, sample(time.Now()), Style{Form: FormTable, Colour: true}, time.Now()))
	require.NotContains(t, plain.String(), "\x1b")
	require.Contains(t, coloured.String(), "\x1b[31m")
}
