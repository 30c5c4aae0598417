//go:build kernel

package agent_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"data-space.liqo.io/pkg/effects/nri"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/programs/agent"
	"data-space.liqo.io/pkg/programs/startgate"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/workload"
)

// idle leaves the CNI chain alone.
type idle struct{}

func (idle) Keep(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (idle) Problem() error { return nil }

// announce connects an agent to the runtime's NRI until stop is called. Unless first is set the runtime calls no plugin.
func (g gated) announce(t *testing.T, r running, client *sandbox.Client, first bool) (stop func()) {
	t.Helper()
	var chain startgate.Chain = idle{}
	if first {
		chain = g.chain
	}
	program, err := startgate.New(r.chained(chain), startgate.Config{Socket: g.socket, File: g.list, Exempt: []string{"kube-system"}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = program.Run(ctx) })
	require.True(t, program.Ready(ctx))
	link := nri.Connection{
		Socket: func() string { return filepath.Dir(g.node.socket) + "/nri.sock" },
		Log:    slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), Live: program.Announced(),
	}
	running.Go(func() { link.Run(ctx, startgate.NewNRI(program, client)) })
	require.Eventually(t, program.Announced().Load, 30*time.Second, time.Millisecond, "connected")
	if first {
		g.inChain(t)
	}
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	return stop
}

// gatedAgent returns an agent that runs on a node with a gate, a client of the node's runtime, and the cluster that the agent sees.
func gatedAgent(t *testing.T, e engine) (gated, *sandbox.Client, *api, running) {
	t.Helper()
	g := newGatedOf(t, e)
	client, err := sandbox.Dial(t.Context(), g.node.socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	a := newAPI()
	return g, client, a, startAgent(t, g.node, a, filepath.Join(t.TempDir(), "guarded"))
}

func TestTheExemptionIsBoundBeforeTheProxyRuns(t *testing.T) { onEach(t, boundBeforeTheProxyRuns) }

func boundBeforeTheProxyRuns(t *testing.T, e engine) {
	g, client, a, r := gatedAgent(t, e)
	stop := g.announce(t, r, client, true)

	config := g.config("pharma", "job")
	box, err := g.try(config)
	require.NoError(t, err)
	for attempt := range 5 {
		proxy := g.create(config, box, apis.ProxyContainerName, uint32(attempt))
		g.run(proxy)
		// The runtime answers after the process runs, and it asked the agent before.
		for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
			require.Equal(t, 2, bound(g.rules(client, box), proxy), "bound in both families, and never unbound by a look at an older list")
		}
		e := r.endpoint("job", func(e agentapi.EndpointStatus) bool {
			return e.State == agentapi.Enforced && e.Proxy != nil && e.Proxy.Container == proxy
		})
		require.Empty(t, e.Drift)
		g.kill(proxy)
		require.Eventually(t, func() bool { return bound(g.rules(client, box), proxy) == 0 }, 30*time.Second, 10*time.Millisecond,
			"a proxy that has ended is no longer exempt")
	}
	require.Empty(t, a.told(agent.EventDriftRepaired), "its own changes are no drift")
	require.Empty(t, a.told(agent.EventRedirectFailed))

	t.Run("a restart of the runtime is survived", func(t *testing.T) {
		g.stop()
		g.start()
		require.Eventually(t, func() bool {
			other := g.config("pharma", fmt.Sprint("job-", time.Now().UnixNano()))
			box, err := g.try(other)
			if err != nil {
				return false
			}
			proxy := g.create(other, box, apis.ProxyContainerName, 0)
			g.run(proxy)
			return bound(g.rules(client, box), proxy) == 2
		}, 30*time.Second, 200*time.Millisecond)
	})
	stop()
}

// bound is in how many families the rules name the container's control group.
func bound(rules, container string) int {
	families := 0
	for _, family := range strings.SplitAfter(rules, "# Completed") {
		if strings.Contains(family, "*filter") && strings.Contains(family, container) {
			families++
		}
	}
	return families
}

func TestAPodThatCameRoundTheFirstGateIsEnforcedByTheSecond(t *testing.T) {
	onEach(t, enforcedByTheSecond)
}

func enforcedByTheSecond(t *testing.T, e engine) {
	g, client, a, r := gatedAgent(t, e)
	g.announce(t, r, client, false)

	// CRI-O announces a container by what is noted at it, and a pod's annotations are noted there as well.
	box, err := g.try(g.config("pharma", "round", "io.kubernetes.container.name", apis.ProxyContainerName, "io.kubernetes.cri-o.ContainerID", "mine"))
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(g.rules(client, box), ":OUTPUT DROP"))
	own, err := g.try(g.config("hospital", "own"))
	require.NoError(t, err)
	require.Empty(t, g.rules(client, own))

	t.Run("a container that the rules could not hold has no process to start", func(t *testing.T) {
		start := func(namespace, name, box string) (string, error) {
			app := g.createWith(g.config(namespace, name), box, "app", 0, able("NET_RAW"))
			_, err := g.runtime.StartContainer(t.Context(), &cri.StartContainerRequest{ContainerId: app})
			return app, err
		}
		refused, err := start("pharma", "round", box)
		require.Error(t, err, "CRI-O by itself goes on with what a plugin refuses")
		_, err = client.Process(t.Context(), refused)
		require.ErrorIs(t, err, sandbox.ErrGone)
		require.Contains(t, strings.Join(a.told(startgate.EventStartRefused), ""), "NET_RAW")
		_, err = start("hospital", "own", own)
		require.NoError(t, err)
	})

	t.Run("no annotation makes a container the proxy", func(t *testing.T) {
		app := g.create(g.config("pharma", "round"), box, "app", 1)
		g.run(app)
		require.Zero(t, bound(g.rules(client, box), app))
	})

	a.set(func() { a.away, a.cut = true, true })
	_, err = g.try(g.config("made-since", "unknown"))
	require.ErrorContains(t, err, "Data Spacer holds pod made-since/unknown")
	_, err = g.try(g.config("pharma", "by-memory"))
	require.NoError(t, err, "a namespace known to be a guest's is enforced without the API server")
	_, err = g.try(g.config("hospital", "own-2"))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		boxes, err := client.List(t.Context())
		return err == nil && !slices.ContainsFunc(boxes, func(b workload.Sandbox) bool { return b.Name == "unknown" })
	}, 30*time.Second, 100*time.Millisecond, "the runtime cleans up")
}
