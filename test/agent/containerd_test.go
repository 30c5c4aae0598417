//go:build kernel || api || bench

package agent_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/kit"
)

func containerd() engine {
	return engine{
		name: "containerd", program: "containerd", flag: "-c", cgroup: "/",
		configure: configureContainerd,
		load: func(n *node, _, archive string) *exec.Cmd {
			return exec.Command(kit.Program(n.t, "ctr"), "-a", n.socket, "-n", "k8s.io", "images", "import", archive)
		},
		open: openContainerd,
	}
}

// openContainerd lets it call the plugins of the second folder, and offer NRI.
func openContainerd(config, dir string) string {
	text := regexp.MustCompile(`bin_dirs = \[(.*)\]`).ReplaceAllString(config, fmt.Sprintf("bin_dirs = [$1, %q]", dir+"/bin"))
	return strings.Replace(text, "nri.v1.nri\"]\n  disable = true", fmt.Sprintf("nri.v1.nri\"]\n  socket_path = %q", dir+"/nri.sock"), 1)
}

func configureContainerd(n *node, dir string) {
	config := fmt.Sprintf(`version = 3
root = %q
state = %q
[grpc]
  address = %q
[ttrpc]
  address = %q
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = %q
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = [%q]
  conf_dir = %q
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.other]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.other.options]
  BinaryName = %q
[plugins."io.containerd.internal.v1.opt"]
  path = %q
[plugins."io.containerd.nri.v1.nri"]
  disable = true
`, dir+"/root", dir+"/state", n.socket, n.socket+".ttrpc", pauseImage, filepath.Dir(kit.Program(n.t, "ptp")), dir+"/cni", dir+"/other-runtime", dir+"/opt")
	require.NoError(n.t, os.WriteFile(dir+"/config.toml", []byte(config), 0o600))
	runc, err := exec.LookPath("runc")
	require.NoError(n.t, err)
	require.NoError(n.t, os.Symlink(runc, dir+"/other-runtime"))
}
