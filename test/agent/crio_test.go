//go:build kernel || api || bench

package agent_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/kit"
)

func crio() engine {
	return engine{
		name: "cri-o", program: "crio", flag: "--config", early: true, cgroup: "/crio-",
		configure: configureCRIO,
		// CRI-O pulls from registries only. What it keeps images in is a library that buildah is made of too.
		load: func(_ *node, dir, archive string) *exec.Cmd {
			return exec.Command("buildah", "--root", dir+"/root", "--runroot", dir+"/run", "--storage-driver", "vfs",
				"pull", "--quiet", "--signature-policy", dir+"/policy.json", "docker-archive:"+archive)
		},
		open: func(config, _ string) string { return config },
	}
}

// withoutEvents is as CRI-O is installed by default.
func withoutEvents(e engine) engine {
	configure := e.configure
	e.configure = func(n *node, dir string) {
		configure(n, dir)
		config, err := os.ReadFile(dir + "/config.toml")
		require.NoError(n.t, err)
		text := strings.Replace(string(config), "enable_pod_events = true", "enable_pod_events = false", 1)
		require.NoError(n.t, os.WriteFile(dir+"/config.toml", []byte(text), 0o600))
	}
	return e
}

func configureCRIO(n *node, dir string) {
	runc, err := exec.LookPath("runc")
	require.NoError(n.t, err)
	conmon, err := exec.LookPath("conmon")
	require.NoError(n.t, err)
	config := strings.ReplaceAll(`[crio]
root = "DIR/root"
runroot = "DIR/run"
storage_driver = "vfs"
log_dir = "DIR/log"
version_file = "DIR/version"
version_file_persist = "DIR/version-persist"
clean_shutdown_file = "DIR/clean"
[crio.api]
listen = "SOCKET"
[crio.runtime]
cgroup_manager = "cgroupfs"
conmon_cgroup = "pod"
container_exits_dir = "DIR/exits"
container_attach_socket_dir = "DIR/attach"
namespaces_dir = "DIR/namespaces"
pinns_path = "PINNS"
irqbalance_config_restore_file = "disable"
hooks_dir = []
default_sysctls = ["net.ipv6.conf.default.accept_dad=0"]
enable_criu_support = false
enable_pod_events = true
default_runtime = "runc"
[crio.runtime.runtimes.runc]
runtime_path = "RUNC"
runtime_root = "DIR/runc"
monitor_path = "CONMON"
monitor_cgroup = "pod"
[crio.runtime.runtimes.other]
runtime_path = "RUNC"
runtime_root = "DIR/runc"
monitor_path = "CONMON"
monitor_cgroup = "pod"
[crio.image]
pause_image = "PAUSE"
signature_policy = "DIR/policy.json"
signature_policy_dir = "DIR/policies"
[crio.network]
network_dir = "DIR/cni"
plugin_dirs = ["PLUGINS", "DIR/bin"]
[crio.nri]
nri_listen = "DIR/nri.sock"
nri_plugin_dir = "DIR/nri/plugins"
nri_plugin_config_dir = "DIR/nri/conf"
`, "DIR", dir)
	config = strings.NewReplacer("SOCKET", n.socket, "PINNS", kit.Program(n.t, "pinns"), "RUNC", runc, "CONMON", conmon,
		"PAUSE", pauseImage, "PLUGINS", filepath.Dir(kit.Program(n.t, "ptp"))).Replace(config)
	require.NoError(n.t, os.WriteFile(dir+"/config.toml", []byte(config), 0o600))
	require.NoError(n.t, os.WriteFile(dir+"/policy.json", []byte(`{"default": [{"type": "insecureAcceptAnything"}]}`), 0o600))
}
