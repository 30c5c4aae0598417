//go:build api

package agent_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// TestRaceFaults lets one part after the other fail while tenants send without a pause.
func TestRaceFaults(t *testing.T) {
	r := newRace(t)
	r.agent()
	r.chained()
	for _, f := range []struct {
		name string
		do   func(*testing.T, *race)
	}{
		{"the API server is gone", apiGone},
		{"the runtime is gone", runtimeGone},
		{"a restore fails or is killed halfway", restoreHalfway},
		{"the proxy runs out of memory, and crashes again and again", crashLoop},
		{"two agents", twoAgents},
		{"pods are deleted while they are being enforced", deletedMeanwhile},
		{"the node reboots", reboot},
	} {
		ok := t.Run(f.name, func(t *testing.T) {
			f.do(t, r)
			r.clean(t, f.name)
		})
		require.True(t, ok)
	}
}

// beginning starts a pod and returns what waits for it.
func (r *race) beginning(t *testing.T, name string) (begun func() *racer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	var p *racer
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		p, err = r.begin(ctx, name)
	}()
	return func() *racer {
		t.Helper()
		<-done
		cancel()
		require.NoError(t, err)
		return p
	}
}

// now waits for a pod's proxy to reach its peer.
func (p *racer) now(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	require.NoError(t, p.r.isServed(ctx, p))
}

// dies ends the proxy as a crash does, and lets the tenant try for a moment.
func (p *racer) dies(t *testing.T) {
	t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*/cgroup")
	require.NoError(t, err)
	killed := 0
	for _, file := range procs {
		text, _ := os.ReadFile(file)
		if pid := 0; strings.Contains(string(text), p.proxy) {
			_, err := fmt.Sscanf(file, "/proc/%d/cgroup", &pid)
			require.NoError(t, err)
			require.NoError(t, unix.Kill(pid, unix.SIGKILL))
			killed++
		}
	}
	require.NotZero(t, killed, "the proxy does not run")
	time.Sleep(300 * time.Millisecond)
}

func apiGone(t *testing.T, r *race) {
	before := r.begun("api-before")
	r.api.Cut()
	during := r.begun("api-during")
	before.dies(t)
	require.NoError(t, before.revive(t.Context()))
	before.now(t)
	r.noAgent()
	during.dies(t)
	r.agent()
	require.NoError(t, during.revive(t.Context()))
	during.now(t)
	after := r.begun("api-after")
	require.NoError(t, r.api.Join())
	for _, p := range []*racer{before, during, after} {
		p.now(t)
		p.end(t.Context())
	}
}

func runtimeGone(t *testing.T, r *race) {
	p := r.begun("cri")
	r.stop()
	p.dies(t)
	time.Sleep(500 * time.Millisecond)
	r.start()
	require.NoError(t, p.revive(t.Context()))
	p.now(t)
	p.end(t.Context())
}

// restoreHalfway puts programs before the node's own that do a part of their work, or none.
func restoreHalfway(t *testing.T, r *race) {
	mode := r.spoiledRestore(t)
	defer func() { r.noAgent(); r.env = nil; r.agent() }()
	r.noAgent()
	r.env = []string{"PATH=" + filepath.Dir(mode) + ":" + os.Getenv("PATH")}
	agent := r.agent()
	ran := r.begun("restore-ran")
	for _, how := range []string{"nothing", "first", "killed", "late"} {
		require.NoError(t, os.WriteFile(mode, []byte(how), 0o600))
		ran.dies(t)
		require.NoError(t, ran.revive(t.Context()))
		begun := r.beginning(t, "restore-"+how)
		time.Sleep(3 * time.Second)
		r.clean(t, how)
		require.NoError(t, os.WriteFile(mode, nil, 0o600))
		require.Equal(t, how == "nothing" || how == "first", agent.lives())
		if !agent.lives() {
			agent = r.agent()
		}
		fresh := begun()
		fresh.now(t)
		fresh.end(t.Context())
		ran.now(t)
	}
	ran.end(t.Context())
}

// spoiledRestore returns the file that says what the programs beside it do: nothing, the first table only, that and kill the
// agent, or all of it a second after they have killed the agent. What nft is given it does whole or not at all.
func (r *race) spoiledRestore(t *testing.T) (mode string) {
	t.Helper()
	dir := filepath.Join(r.dir, "spoiled")
	require.NoError(t, os.Mkdir(dir, 0o700))
	mode = filepath.Join(dir, "mode")
	require.NoError(t, os.WriteFile(mode, nil, 0o600))
	for name, first := range map[string]string{
		"iptables-nft-restore": "sed /^COMMIT/q", "ip6tables-nft-restore": "sed /^COMMIT/q", "nft": "echo not at all",
	} {
		own, err := exec.LookPath(name)
		require.NoError(t, err)
		script := fmt.Sprintf(`#!/bin/sh
case "$(cat %[1]s)" in
nothing) exit 1 ;;
first) %[3]s | %[2]s "$@"; exit 1 ;;
killed) %[3]s | %[2]s "$@"; kill -9 $PPID; exit 1 ;;
late) all=$(cat); kill -9 $PPID; sleep 1; echo "$all" | %[2]s "$@" ;;
*) exec %[2]s "$@" ;;
esac
`, mode, own, first)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700))
	}
	return mode
}

func crashLoop(t *testing.T, r *race) {
	p := r.begun("crash")
	for range 3 {
		p.dies(t)
		require.NoError(t, p.revive(t.Context()))
		p.now(t)
	}
	p.dies(t)
	for range 3 {
		id, err := p.run(t.Context(), apis.ProxyContainerName, apis.ProxyUID, 24<<20, "hog")
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			answer, err := r.runtime.ContainerStatus(t.Context(), &cri.ContainerStatusRequest{ContainerId: id})
			return err == nil && answer.GetStatus().GetReason() == "OOMKilled"
		}, time.Minute, 20*time.Millisecond)
	}
	require.NoError(t, p.revive(t.Context()))
	p.now(t)
	p.end(t.Context())
}

// twoAgents: a second of the same kind ends by itself; one that was given folders of its own works beside the first.
func twoAgents(t *testing.T, r *race) {
	require.True(t, r.agent().within(time.Minute), "the node has an agent already")
	other := r.agent("--status-socket="+r.dir+"/other.sock", "--state-dir="+r.dir+"/other", "--gate=off")
	for i := range 3 {
		p := r.begun(fmt.Sprint("both-", i))
		p.dies(t)
		require.NoError(t, p.revive(t.Context()))
		p.now(t)
		p.end(t.Context())
	}
	require.True(t, other.lives(), "%s", other.output)
	other.end(syscall.SIGTERM)
}

// deletedMeanwhile breaks starts off at all moments of what the agent does for them.
func deletedMeanwhile(t *testing.T, r *race) {
	const pods = 12
	gone := make(chan *racer, pods)
	for i := range pods {
		p, err := r.object(t.Context(), fmt.Sprint("brief-", i))
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second+time.Duration(i)*100*time.Millisecond)
		defer cancel()
		go func() {
			_ = p.start(ctx)
			gone <- p
		}()
	}
	for range pods {
		(<-gone).end(t.Context())
	}
	r.begun("brief-not").end(t.Context())
}

// reboot kills every process of the node and takes its network namespaces; its files stay.
func reboot(t *testing.T, r *race) {
	p := r.begun("boot")
	require.Eventually(t, func() bool { return killed(r.dir) == 0 }, 30*time.Second, 20*time.Millisecond)
	r.stop()
	for _, point := range mountsBelow(t, r.dir) {
		require.NoError(t, unix.Unmount(point, unix.MNT_DETACH), point)
	}
	require.NoError(t, os.RemoveAll(r.dir+"/state"))
	r.start()
	for range 3 {
		err := p.attempt(t.Context())
		require.ErrorContains(t, err, "AgentAway", "the plugin is there before the agent is")
	}
	p.stop(t.Context())
	r.agent()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	require.NoError(t, p.start(ctx))
	p.now(t)
	p.end(t.Context())
}
