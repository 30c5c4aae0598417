//go:build kernel

package seccomp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/seccomp"
	"data-space.liqo.io/test/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// box runs programs of this machine in containers.
type box struct {
	t     *testing.T
	dir   string
	probe string
	count int
}

func newBox(t *testing.T) *box {
	t.Helper()
	require.Zero(t, os.Geteuid(), "this test needs root")
	b := &box{t: t, dir: t.TempDir()}
	b.probe = filepath.Join(b.dir, "probe")
	build := exec.Command("go", "build", "-o", b.probe, "./probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	root := filepath.Join(b.dir, "root")
	require.NoError(t, os.Mkdir(root, 0o755))
	require.NoError(t, syscall.Mount("/", root, "", syscall.MS_BIND|syscall.MS_REC, ""))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(root, syscall.MNT_DETACH)) })
	return b
}

// run runs a program with the profile or without, and returns what it prints.
func (b *box) run(profile *seccomp.Profile, args ...string) (string, error) {
	b.t.Helper()
	b.count++
	bundle := filepath.Join(b.dir, fmt.Sprint(b.count))
	require.NoError(b.t, os.Mkdir(bundle, 0o755))
	capabilities := []string{"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
		"CAP_NET_BIND_SERVICE", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"}
	linux := map[string]any{
		"namespaces":  []any{map[string]any{"type": "mount"}, map[string]any{"type": "pid"}, map[string]any{"type": "network"}, map[string]any{"type": "ipc"}},
		"cgroupsPath": "/" + kit.RunName() + "-seccomp",
	}
	if profile != nil {
		linux["seccomp"] = profile
	}
	config, err := json.Marshal(map[string]any{
		"ociVersion": "1.0.2", "root": map[string]any{"path": filepath.Join(b.dir, "root"), "readonly": true},
		"process": map[string]any{
			"args": args, "cwd": "/", "env": []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/"}, "noNewPrivileges": false, "user": map[string]any{"uid": 0, "gid": 0},
			"capabilities": map[string]any{"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
		},
		"mounts": []any{
			map[string]any{"destination": "/proc", "type": "proc", "source": "proc"},
			map[string]any{"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
		},
		"linux": linux,
	})
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(bundle, "config.json"), config, 0o600))
	var out, problem bytes.Buffer
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "runc", "--root", filepath.Join(b.dir, "state"), "run", "-b", bundle, fmt.Sprintf("%s-%d", kit.RunName(), b.count))
	command.Stdout, command.Stderr = &out, &problem
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("%v: %w: %s%s", args, err, problem.String(), out.String())
	}
	return out.String(), nil
}

func (b *box) calls(profile *seccomp.Profile) map[string]syscall.Errno {
	b.t.Helper()
	out, err := b.run(profile, b.probe, "calls")
	require.NoError(b.t, err)
	all := map[string]syscall.Errno{}
	require.NoError(b.t, json.Unmarshal([]byte(out), &all))
	return all
}

// TestOnlyIPLeavesAContainer: of each call it is seen what becomes of it without the profile.
func TestOnlyIPLeavesAContainer(t *testing.T) {
	b, profile := newBox(t), seccomp.Here()
	free, held := b.calls(nil), b.calls(&profile)
	worked := 0
	for call, errno := range held {
		var family, kind, high int
		switch {
		case strings.HasPrefix(call, "socket "):
			_, err := fmt.Sscanf(call, "socket %d %d %d", &family, &kind, &high)
			require.NoError(t, err)
			known := family == 1 || family == 2 || family == 10 || family == 16
			switch {
			case known && high == 0:
				require.Equal(t, free[call], errno, call)
			case high == 0:
				require.Equal(t, syscall.EAFNOSUPPORT, errno, call)
			default:
				require.NotZero(t, errno, call)
			}
		case strings.HasPrefix(call, "socketpair "):
			_, err := fmt.Sscanf(call, "socketpair %d", &family)
			require.NoError(t, err)
			require.Equal(t, family == 1, errno == 0, call)
		}
		if free[call] == 0 && errno != 0 {
			worked++
		}
	}
	require.Greater(t, worked, 10, "what is refused works without the profile")
	for call, want := range map[string]syscall.Errno{
		"netlink 0": 0, "netlink 4": free["netlink 4"], "netlink 16": syscall.EPROTONOSUPPORT, "netlink 12": syscall.EPROTONOSUPPORT,
		"inet 6": 0, "inet 256": syscall.EPROTONOSUPPORT, "inet 262": free["inet 262"], "inet 263": syscall.EPROTONOSUPPORT,
		"inet 4294967552": syscall.EPROTONOSUPPORT, "io_uring_setup": syscall.EPERM, "unshare": syscall.EPERM,
	} {
		require.Equal(t, want, held[call], call)
	}
	require.Zero(t, free["netlink 16"], "generic netlink is there")
	require.NotEqual(t, syscall.EPERM, free["io_uring_setup"])
}

// TestAnotherABIMakesNoSocket: i386's socketcall has its arguments in memory, where no filter sees them.
func TestAnotherABIMakesNoSocket(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		return // there is none
	}
	b, profile := newBox(t), seccomp.Here()
	out, err := b.run(nil, b.probe, "i386")
	require.NoError(t, err)
	t.Log("without the profile:", out)
	out, err = b.run(&profile, b.probe, "i386")
	require.ErrorContains(t, err, "exit status 7", "the kernel ends the thread: %s", out)
	require.Empty(t, out)
}

// TestOrdinarySoftwareLivesWithTheProfile as it does without.
func TestOrdinarySoftwareLivesWithTheProfile(t *testing.T) {
	b, profile := newBox(t), seccomp.Here()
	const python = `
import asyncio, socket, subprocess, multiprocessing, threading
async def main():
    async def echo(r, w):
        w.write(await r.readline()); await w.drain(); w.close()
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    r, w = await asyncio.open_connection(*server.sockets[0].getsockname())
    w.write(b"hello\n"); assert await r.readline() == b"hello\n"
    p = await asyncio.create_subprocess_exec("true"); assert await p.wait() == 0
    a, z = socket.socketpair(); a.send(b"x"); assert z.recv(1) == b"x"
def child(): pass
t = threading.Thread(target=child); t.start(); t.join()
p = multiprocessing.get_context("fork").Process(target=child); p.start(); p.join(); assert p.exitcode == 0
try: socket.getaddrinfo("name.invalid", 80)
except socket.gaierror: pass
asyncio.run(main())
`
	for name, args := range map[string][]string{
		"a program in Go":        {b.probe, "ordinary"},
		"ip address":             {"ip", "address"},
		"curl":                   {"sh", "-c", "curl -s --max-time 2 http://127.0.0.1:9/; test $? = 7"},
		"python":                 {"python3", "-c", python},
		"a shell with its tools": {"sh", "-c", "id && ls -l / | grep -q proc && date && sleep 0.1 & wait"},
		"the proxy": {"sh", "-c", kit.Envoy(t) + ` --log-level error --disable-hot-restart --concurrency 1 --config-yaml '
static_resources: {listeners: [{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 8080}}, filter_chains: [{filters: [{
name: envoy.filters.network.direct_response, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config,
response: {inline_string: served}}}]}]}]}' & for i in $(seq 50); do curl -s --http0.9 --max-time 1 http://127.0.0.1:8080/ | grep -q served && exit 0; sleep 0.2; done; exit 1`},
		"another user": {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "id"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.run(nil, args...)
			require.NoError(t, err, "without the profile")
			_, err = b.run(&profile, args...)
			require.NoError(t, err)
		})
	}
}
