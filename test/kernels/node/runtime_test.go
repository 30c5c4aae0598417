//go:build vm

package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/seccomp"
	"data-space.liqo.io/pkg/effects/seccompfile"
	"data-space.liqo.io/test/leak/trial"
)

// engine is a containerd of this virtual machine's own.
type engine struct {
	bin    string // where containerd and ctr are
	socket string
	root   string // of every container: the attacker and nothing else
	// profile is the seccomp profile of foreign pods, where the agent's writer has put it.
	profile string
}

func startEngine(t *testing.T) *engine {
	t.Helper()
	e := &engine{bin: os.Getenv("BIN"), socket: "/run/engine/containerd.sock", root: "/run/engine/rootfs", profile: putProfile(t)}
	for _, d := range []string{"proc", "sys", "dev", "tmp"} {
		require.NoError(t, os.MkdirAll(filepath.Join(e.root, d), 0o777))
	}
	attacker, err := os.ReadFile(os.Getenv("ATTACKER"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(e.root, "attacker"), attacker, 0o755))
	config := fmt.Sprintf("version = 3\nroot = %q\nstate = %q\ndisabled_plugins = [%q, %q, %q, %q]\n[grpc]\n address = %q\n[ttrpc]\n address = %q\n",
		"/run/engine/root", "/run/engine/state", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri", "io.containerd.nri.v1.nri", e.socket, e.socket+".ttrpc")
	require.NoError(t, os.WriteFile("/run/engine/config.toml", []byte(config), 0o600))
	daemon := exec.Command(filepath.Join(e.bin, "containerd"), "-c", "/run/engine/config.toml", "-l", "error")
	daemon.Stderr = os.Stderr
	require.NoError(t, daemon.Start())
	t.Cleanup(func() {
		_ = daemon.Process.Kill()
		_ = daemon.Wait()
	})
	require.Eventually(t, func() bool {
		return e.ctr(context.Background(), "version").Run() == nil
	}, 2*time.Minute, 200*time.Millisecond, "containerd answers")
	return e
}

func putProfile(t *testing.T) string {
	t.Helper()
	folder := seccompfile.Folder{Kubelet: "/run/kubelet", Volatile: "/run/profiles"}
	name, err := seccomp.Name()
	require.NoError(t, err)
	text, err := seccomp.Here().JSON()
	require.NoError(t, err)
	_, err = folder.Put(name, text)
	require.NoError(t, err)
	return filepath.Join(folder.Kubelet, "seccomp", name)
}

func (e *engine) ctr(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, filepath.Join(e.bin, "ctr"), append([]string{"-a", e.socket}, args...)...)
	command.Env = append(os.Environ(), "PATH="+e.bin+":"+os.Getenv("PATH"))
	return command
}

// container is a container of a foreign pod.
type container struct {
	name    string
	pod     *pod
	profile string // a file with a seccomp profile; empty: the runtime's default
	uid     int
}

// tenant starts the attacker in a container with the capabilities that a foreign pod keeps.
func (e *engine) tenant(t *testing.T, c container) *trial.Attacker {
	t.Helper()
	args := []string{"run", "--rm", "--rootfs", "--seccomp", "--allow-new-privs", "--cap-drop", "CAP_NET_RAW",
		"--with-ns", "network:" + c.pod.network(), "--cgroup", c.pod.cgroup.Path + "/" + c.name, "--user", strconv.Itoa(c.uid)}
	if c.profile != "" {
		args = append(args, "--seccomp-profile", c.profile)
	}
	command := e.ctr(context.Background(), append(args, e.root, c.name, "/attacker", "serve")...)
	command.Stderr = os.Stderr
	attacker, err := trial.Start(command)
	require.NoError(t, err)
	t.Cleanup(attacker.Stop)
	return attacker
}
