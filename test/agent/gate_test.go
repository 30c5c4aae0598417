//go:build kernel

package agent_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"data-space.liqo.io/pkg/effects/cniconf"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/programs/agent"
	"data-space.liqo.io/pkg/programs/startgate"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/gate"
	"data-space.liqo.io/pkg/values/workload"
)

func (a *api) Space(_ context.Context, name string) (workload.Namespace, bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	labels, found := a.spaces[name]
	return workload.Namespace{Name: name, Labels: labels}, found && !a.away, nil
}

func (a *api) Spaces(context.Context) ([]workload.Namespace, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []workload.Namespace
	for name, labels := range a.spaces {
		out = append(out, workload.Namespace{Name: name, Labels: labels})
	}
	return out, nil
}

func (a *api) OnSpace(context.Context, func()) error { return nil }

// gated is a node whose runtime calls the CNI plugin.
type gated struct {
	*node
	chain        *cniconf.Chain
	socket, list string
}

func newGated(t *testing.T) gated {
	t.Helper()
	return newGatedOf(t, containerd())
}

func newGatedOf(t *testing.T, e engine) gated {
	t.Helper()
	n := newNodeOf(t, e)
	dir := filepath.Dir(n.socket)
	g := gated{node: n, socket: dir + "/gate.sock", list: dir + "/state/namespaces.json"}
	entry := gate.NewEntry([]string{"kube-system"}, true)
	entry.Socket, entry.Spaces = g.socket, g.list
	g.chain = &cniconf.Chain{
		Conf: dir + "/cni", Bin: dir + "/bin", Source: dir + "/plugin", Entry: entry, Log: slog.New(slog.DiscardHandler),
	}
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", g.chain.Source, "data-space.liqo.io/cmd/cni")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))

	config, err := os.ReadFile(dir + "/config.toml")
	require.NoError(t, err)
	if opened := e.open(string(config), dir); opened != string(config) {
		n.stop()
		require.NoError(t, os.WriteFile(dir+"/config.toml", []byte(opened), 0o600))
		n.start()
	}
	return g
}

// open runs the gate beside an agent until stop is called.
func (g gated) open(t *testing.T, r running) (stop func()) {
	t.Helper()
	program, err := startgate.New(r.chained(g.chain), startgate.Config{
		Socket: g.socket, File: g.list, Exempt: []string{"kube-system"}, Marks: true,
	})
	require.NoError(t, err)
	return g.runGate(t, program)
}

// chained returns what the gates of the agent work with, behind a CNI chain.
func (r running) chained(c startgate.Chain) startgate.Parts {
	p := r.gates
	p.Chain = c
	return p
}

// runGate runs a gate until stop is called.
func (g gated) runGate(t *testing.T, program *startgate.Gate) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- program.Run(ctx) }()
	g.inChain(t)
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(stop)
	return stop
}

// inChain waits until the plugin is in the chain, and the runtime has read it.
func (g gated) inChain(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(filepath.Join(g.chain.Conf, "test.conflist"))
		return err == nil && strings.Contains(string(text), gate.PluginType)
	}, 30*time.Second, time.Millisecond, "the plugin is put into the chain")
	require.Eventually(t, func() bool {
		answer, err := g.runtime.Status(t.Context(), &cri.StatusRequest{Verbose: true})
		if err != nil {
			return false
		}
		loaded, reports := answer.GetInfo()["cniconfig"]
		if !reports { // CRI-O does not report it
			time.Sleep(time.Second)
		}
		return !reports || strings.Contains(loaded, gate.PluginType)
	}, 30*time.Second, 10*time.Millisecond, "the runtime has read the chain")
}

// try makes a sandbox and returns what the runtime says.
func (g gated) try(config *cri.PodSandboxConfig) (string, error) {
	answer, err := g.runtime.RunPodSandbox(g.t.Context(), &cri.RunPodSandboxRequest{Config: config})
	return answer.GetPodSandboxId(), err
}

func (g gated) config(namespace, name string, annotations ...string) *cri.PodSandboxConfig {
	c := g.sandboxConfig(namespace, name)
	c.Annotations = map[string]string{"kubernetes.io/config.source": "api"} // as the kubelet sets it
	for i := 0; i < len(annotations); i += 2 {
		c.Annotations[annotations[i]] = annotations[i+1]
	}
	return c
}

func TestAPodIsHeldUntilItsRulesStand(t *testing.T) { onEach(t, heldUntilItsRulesStand) }

func heldUntilItsRulesStand(t *testing.T, e engine) {
	g := newGatedOf(t, e)
	client, err := sandbox.Dial(t.Context(), g.node.socket)
	require.NoError(t, err)
	defer client.Close()
	a := newAPI()
	state := filepath.Join(t.TempDir(), "guarded")
	r := startAgent(t, g.node, a, state)
	stop := g.open(t, r)

	box, err := g.try(g.config("pharma", "held"))
	require.NoError(t, err)
	rules := g.rules(client, box)
	require.Equal(t, 2, strings.Count(rules, ":OUTPUT DROP"), "both families are closed when the runtime says that the sandbox is ready")
	r.reaches("held", agentapi.Closed)
	require.Empty(t, a.told(agent.EventDriftRepaired))

	own, err := g.try(g.config("hospital", "own"))
	require.NoError(t, err)
	require.Empty(t, g.rules(client, own))

	t.Run("the plugin's CHECK tells drift", func(t *testing.T) {
		// The runtime never asks; the plugin is asked as a runtime would.
		require.NoError(t, g.check(client, box, "pharma", "held"))
		require.Eventually(t, func() bool { // before the agent has repaired it, which it does at once
			g.spoil(client, box)
			err := g.check(client, box, "pharma", "held")
			return err != nil && strings.Contains(err.Error(), "filter/OUTPUT")
		}, 30*time.Second, time.Millisecond)
		require.NoError(t, g.check(client, own, "hospital", "own"))
	})

	t.Run("a namespace that the watch has not seen is asked for", func(t *testing.T) {
		a.set(func() { a.away = true; a.spaces["new"] = map[string]string{apis.LabelRemoteCluster: "pharma-1"} })
		box, err := g.try(g.config("new", "fresh"))
		require.NoError(t, err)
		require.Contains(t, g.rules(client, box), ":OUTPUT DROP")
		a.set(func() { a.away = false })
	})

	t.Run("what cannot be enforced does not start, and says so on the pod", func(t *testing.T) {
		_, err := g.ask(gate.Request{
			Op: gate.Add, Container: "deadbeef", Netns: fmt.Sprintf("/proc/%d/ns/net", os.Getpid()), Namespace: "pharma", Name: "host",
		})
		require.NoError(t, err)
		require.Len(t, a.told(startgate.EventStartRefused), 1)
		require.Contains(t, a.told(startgate.EventStartRefused)[0], "HostNamespace")
	})

	stop()
	r.stop()
	t.Run("without an agent no foreign pod starts, and every other does", func(t *testing.T) {
		_, err := g.try(g.config("pharma", "held-2"))
		require.ErrorContains(t, err, "Data Spacer holds pod pharma/held-2 (AgentAway)")
		require.ErrorContains(t, err, "kubectl get pods -n data-spacer")
		_, err = g.try(g.config("hospital", "own-2"))
		require.NoError(t, err)
		_, err = g.try(g.config("made-since", "own-3"))
		require.NoError(t, err, "its namespace is not on the list, but a guest's pod would bear the mark")
		_, err = g.try(g.config("made-since", "foreign", gate.AnnotationGuest, "pharma-1"))
		require.ErrorContains(t, err, "AgentAway")
		_, err = g.try(g.config("hospital", "renamed", gate.AnnotationGuest, "pharma-1"))
		require.ErrorContains(t, err, "AgentAway", "a namespace made again under an old name")
		_, err = g.try(g.sandboxConfig("made-since", "dumb"))
		require.ErrorContains(t, err, "UnknownNamespace", "a runtime that shows no annotations proves nothing")
		_, err = g.try(g.sandboxConfig("kube-system", "dns"))
		require.NoError(t, err)
	})
	t.Run("its pods can be deleted all the same", func(*testing.T) { g.removePod(box) })
	t.Run("and the next agent lets them start", func(t *testing.T) {
		r := startAgent(t, g.node, a, state)
		g.open(t, r)
		box, err := g.try(g.config("pharma", "held-2"))
		require.NoError(t, err)
		require.Contains(t, g.rules(client, box), ":OUTPUT DROP")
	})
}
