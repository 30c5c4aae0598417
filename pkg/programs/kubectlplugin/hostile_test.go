package kubectlplugin

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/agentapi"
)

// orders returns the characters of a text that a terminal obeys or does not show.
func orders(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
}

// Root of a node may have its agent answer anything, and a tenant chooses paths.
func TestNoAnswerOfAnAgentOrdersATerminal(t *testing.T) {
	const hostile = "x\x1b[2J\u009b31m\u202e\U000e0001"
	path, err := json.Marshal("/" + hostile)
	require.NoError(t, err)
	state := agentapi.EndpointStatus{UID: "uid", State: hostile, Reason: hostile, Hash: hostile, Message: hostile, Backend: hostile}
	answers := map[string]any{
		agentapi.EndpointsPath: agentapi.NodeStatus{Backend: hostile, Ready: true, Problems: []string{hostile}, Endpoints: []agentapi.EndpointStatus{state}},
		agentapi.RulesPath: agentapi.PodRules{EndpointStatus: state, Chains: []agentapi.RuleChain{
			{Family: "ipv4", Table: "filter", Name: hostile, Rules: []agentapi.Rule{{Words: hostile, Reason: hostile}}},
		}},
		agentapi.ExplainPath:  agentapi.Explanation{Node: "well", Allowed: true, InForce: true, Text: hostile + "\n" + hostile},
		agentapi.RequestsPath: strings.Replace(requestLine(1, "PATH", 200), `"PATH"`, string(path), 1),
	}
	raw := map[string]any{}
	for path, answer := range answers {
		raw[path] = answer
	}
	raw[agentapi.RequestsPath] = `{"text":"` + strings.TrimPrefix(hostile, "x\x1b") + `"}` + "\n" + `{"text":"\ud83d\ude00 half \ud83d","index":9007199254740993}` + "\n"
	require.NotEmpty(t, orders(raw[agentapi.RequestsPath].(string)), "what the agent answers")
	ctx, now := t.Context(), time.Now()
	for name, command := range map[string]func(out *bytes.Buffer, s Style) error{
		"audit": func(out *bytes.Buffer, s Style) error {
			r, err := Audit(ctx, nodes{"well": answers})
			require.NoError(t, err)
			return Print(out, r, s, now)
		},
		"verify": func(out *bytes.Buffer, s Style) error {
			v, err := Verify(ctx, nodes{"well": answers}, nil)
			require.NoError(t, err)
			return PrintVerification(out, v, s, now)
		},
		"doctor": func(out *bytes.Buffer, s Style) error {
			found, err := Examine(ctx, nodes{"well": answers})
			require.NoError(t, err)
			return PrintFindings(out, found, s, now)
		},
		"explain": func(out *bytes.Buffer, s Style) error { return Rules(ctx, nodes{"well": answers}, out, "a", "b", s) },
		"explain --to": func(out *bytes.Buffer, s Style) error {
			_ = Explain(ctx, nodes{"well": answers}, out, "a", "b", s, Connection{To: "10.0.0.7:443", Protocol: "tcp"}) // refused
			return nil
		},
		"requests": func(out *bytes.Buffer, s Style) error { return Requests(ctx, nodes{"well": raw}, out, Query{}, s) },
		"watch":    func(out *bytes.Buffer, s Style) error { return Watch(ctx, nodes{"well": answers}, out, Watching{}, s) },
	} {
		for _, form := range []string{FormTable, FormWide, FormJSON, FormYAML} {
			var out bytes.Buffer
			require.NoError(t, command(&out, Style{Form: form}), "%s -o %s", name, form)
			require.NotEmpty(t, out.String(), "%s -o %s", name, form)
			if name == "requests" {
				require.Contains(t, out.String(), "9007199254740993", form)
			}
			if name == "watch" && form == FormYAML {
				require.Contains(t, out.String(), "path: ")
			}
			require.Empty(t, orders(out.String()), "%s -o %s: %q", name, form, out.String())
		}
	}
}
