package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/programs/cli"
)

func TestInstallAndUninstall(t *testing.T) {
	dir := t.TempDir()
	conf, bin, plugin := filepath.Join(dir, "net.d"), filepath.Join(dir, "bin"), filepath.Join(dir, "cni")
	list := filepath.Join(conf, "10-a.conflist")
	const before = `{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"bridge"}]}`
	require.NoError(t, os.Mkdir(conf, 0o750))
	require.NoError(t, os.Mkdir(bin, 0o750))
	require.NoError(t, os.WriteFile(plugin, []byte("program"), 0o600))
	paths := []string{
		"--kubelet-dir=" + dir + "/kubelet", "--cni-conf-dir=" + conf, "--cni-bin-dir=" + bin, "--gate-socket=" + dir + "/run/gate.sock", "--namespaces-file=" + dir + "/lib/namespaces.json",
	}
	call := func(name string, more ...string) (int, string) {
		var out bytes.Buffer
		status := cli.Run(t.Context(), command(unset), append(append([]string{name}, paths...), more...), &out, &out)
		return status, out.String()
	}

	status, out := call("install-cni", "--cni-plugin="+plugin)
	require.Equal(t, 1, status)
	require.Contains(t, out, "run this again", "there is nothing to put the entry into yet")
	require.NoError(t, os.WriteFile(list, []byte(before), 0o600))
	status, out = call("install-cni", "--cni-plugin="+plugin, "--gate-exempt=a, b,", "--unmarked=start")
	require.Equal(t, 0, status, out)
	text, err := os.ReadFile(list)
	require.NoError(t, err)
	require.Contains(t, string(text), `"exempt":["a","b"],"marks":true`)
	status, out = call("install-cni", "--cni-plugin="+plugin, "--gate-exempt=a,b", "--unmarked=start")
	require.Equal(t, 0, status, out)
	require.Contains(t, out, "nothing to be written")

	for _, left := range []string{"run/guarded/1.json", "lib/namespaces.json", "run/seccomp/1.json", "kubelet/seccomp/data-spacer/1.json"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, left)), 0o750))
		require.NoError(t, os.WriteFile(filepath.Join(dir, left), nil, 0o600))
	}
	status, out = call("uninstall-cni", "--state-dir="+dir+"/run/guarded", "--status-socket="+dir+"/run/agent.sock")
	require.Equal(t, 0, status, out)
	text, err = os.ReadFile(list)
	require.NoError(t, err)
	require.Equal(t, before, string(text), "to the byte") //nolint:testifylint // to the byte
	for _, gone := range []string{"run", "lib", "bin/data-space-cni", "kubelet/seccomp/data-spacer"} {
		require.NoFileExists(t, filepath.Join(dir, gone))
		require.NoDirExists(t, filepath.Join(dir, gone))
	}
}

func TestAWrongFolderIsAnErrorAndIsNotCreated(t *testing.T) {
	dir := t.TempDir()
	right := filepath.Join(dir, "right")
	require.NoError(t, os.Mkdir(right, 0o750))
	for flag, args := range map[string][]string{
		"--cni-conf-dir=" + dir + "/wrong": {"--cni-conf-dir=" + dir + "/wrong", "--cni-bin-dir=" + right},
		"--cni-bin-dir=" + dir + "/wrong":  {"--cni-conf-dir=" + right, "--cni-bin-dir=" + dir + "/wrong"},
	} {
		var out bytes.Buffer
		status := cli.Run(t.Context(), command(unset), append([]string{"install-cni"}, args...), &out, &out)
		require.Equal(t, 1, status)
		for _, part := range []string{flag, "/var/lib/rancher/k3s", "/var/snap/microk8s", "none is created"} {
			require.Contains(t, out.String(), part)
		}
		require.NoDirExists(t, filepath.Join(dir, "wrong"))
	}
}

func TestAWrongGateNamesTheFlag(t *testing.T) {
	for flag, args := range map[string][]string{
		`"--gate"`:         {"--node-name=n", "--gate=maybe"},
		`"--unmarked"`:     {"install-cni", "--unmarked=perhaps"},
		"--cni-conf-dir=":  {"uninstall-cni", "--cni-conf-dir=here"},
		"--kubelet-dir=":   {"--node-name=n", "--kubelet-dir=here"},
		"--nri-socket=":    {"--node-name=n", "--nri-socket=here"},
		"takes flags only": {"install-cni", "now"},
	} {
		var out bytes.Buffer
		require.Equal(t, 2, cli.Run(t.Context(), command(unset), args, &out, &out), flag)
		require.Contains(t, out.String(), flag)
	}
}
