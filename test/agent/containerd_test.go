//go:build kernel || api || bench

package agent_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/testutils"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"data-space.liqo.io/pkg/effects/dataplane"
)

const pauseImage = "docker.io/data-spacer-test/pause:1"

// node is a containerd in a network namespace of its own, as the only thing there.
type node struct {
	t       *testing.T
	netns   ns.NetNS
	socket  string
	runtime cri.RuntimeServiceClient
	parent  string // control group of its pods
	backend dataplane.Backend

	start func()
	stop  func()
}

// newNode starts containerd. It and all that it runs end with the test.
func newNode(t *testing.T) *node {
	t.Helper()
	require.Zero(t, os.Geteuid(), "this test needs root")
	dir, err := os.MkdirTemp("/tmp", "ds") // short: a socket's path has 108 bytes
	require.NoError(t, err)
	t.Cleanup(func() { sweep(t, dir) })
	handle, err := testutils.NewNS()
	require.NoError(t, err)
	require.NoError(t, handle.Do(func(ns.NetNS) error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(lo)
	}))
	n := &node{t: t, netns: handle, socket: filepath.Join(dir, "containerd.sock"), parent: "/" + filepath.Base(dir), backend: dataplane.NFT}
	t.Cleanup(func() {
		require.NoError(t, handle.Close())
		require.NoError(t, testutils.UnmountNS(handle))
	})
	n.configure(dir)
	n.start, n.stop = n.daemon(dir)
	n.start()
	t.Cleanup(func() { n.removeAll(); n.stop() })
	n.importPause(dir)
	return n
}

func cache(t *testing.T, program string) string {
	t.Helper()
	dir := os.Getenv("DATA_SPACER_CACHE")
	if dir == "" {
		home, err := os.UserHomeDir()
		require.NoError(t, err)
		dir = filepath.Join(home, ".cache", "data-spacer")
	}
	path := filepath.Join(dir, "bin", program)
	require.FileExists(t, path, "build the upstream programs first: make tools")
	return path
}

func (n *node) configure(dir string) {
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
`, dir+"/root", dir+"/state", n.socket, n.socket+".ttrpc", pauseImage, filepath.Dir(cache(n.t, "ptp")), dir+"/cni", dir+"/other-runtime", dir+"/opt")
	require.NoError(n.t, os.WriteFile(dir+"/config.toml", []byte(config), 0o600))
	runc, err := exec.LookPath("runc")
	require.NoError(n.t, err)
	require.NoError(n.t, os.Symlink(runc, dir+"/other-runtime"))
	require.NoError(n.t, os.MkdirAll(dir+"/cni", 0o700))
	require.NoError(n.t, os.WriteFile(dir+"/cni/test.conflist", []byte(`{"cniVersion": "1.0.0", "name": "test", "plugins": [{"type": "ptp",
		"ipam": {"type": "host-local", "dataDir": "`+dir+`/ipam", "ranges": [[{"subnet": "203.0.113.0/24"}], [{"subnet": "2001:db8:1::/64"}]],
		"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}}]}`), 0o600))
}

// daemon returns what starts and what stops containerd. Sandboxes outlive it.
func (n *node) daemon(dir string) (start, stop func()) {
	var daemon *exec.Cmd
	var conn *grpc.ClientConn
	start = func() {
		file, err := os.OpenFile(dir+"/containerd.log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		require.NoError(n.t, err)
		defer file.Close()
		daemon = exec.Command(cache(n.t, "containerd"), "-c", dir+"/config.toml")
		daemon.Env = append(os.Environ(), "PATH="+filepath.Dir(cache(n.t, "containerd"))+":"+os.Getenv("PATH"))
		daemon.Stdout, daemon.Stderr = file, file
		daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		require.NoError(n.t, n.netns.Do(func(ns.NetNS) error { return daemon.Start() }))
		conn, err = grpc.NewClient("unix://"+n.socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(n.t, err)
		n.runtime = cri.NewRuntimeServiceClient(conn)
		require.Eventually(n.t, func() bool {
			status, err := n.runtime.Status(n.t.Context(), &cri.StatusRequest{})
			if err != nil {
				return false
			}
			for _, c := range status.GetStatus().GetConditions() {
				if !c.GetStatus() && (c.GetType() == cri.RuntimeReady || c.GetType() == cri.NetworkReady) {
					return false
				}
			}
			return true
		}, 30*time.Second, 50*time.Millisecond, "containerd did not start; see its log: %s", tail{dir + "/containerd.log"})
	}
	stop = func() {
		require.NoError(n.t, daemon.Process.Signal(syscall.SIGTERM))
		_ = daemon.Wait()
		require.NoError(n.t, conn.Close())
	}
	return start, stop
}

// tail is the end of a file, read when it is printed.
type tail struct{ path string }

func (f tail) String() string {
	text, err := os.ReadFile(f.path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-3000):])
}

// importPause makes the only image there is.
func (n *node) importPause(dir string) {
	program := filepath.Join(dir, "pause")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./pause")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(n.t, err, string(out))
	archive := filepath.Join(dir, "pause.tar")
	require.NoError(n.t, os.WriteFile(archive, image(n.t, program, pauseImage), 0o600))
	out, err = exec.Command(cache(n.t, "ctr"), "-a", n.socket, "-n", "k8s.io", "images", "import", archive).CombinedOutput()
	require.NoError(n.t, err, string(out))
}

// image is a docker-archive with one program and nothing else.
func image(t *testing.T, program, tag string) []byte {
	t.Helper()
	text, err := os.ReadFile(program)
	require.NoError(t, err)
	layer := tarball(t, "pause", text)
	sum := sha256.Sum256(layer)
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{"Entrypoint": []string{"/pause"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
	})
	require.NoError(t, err)
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{tag}, "Layers": []string{"layer.tar"}}})
	require.NoError(t, err)
	return tarball(t, "layer.tar", layer, "config.json", config, "manifest.json", manifest)
}

// tarball takes name, content, ….
func tarball(t *testing.T, parts ...any) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := 0; i < len(parts); i += 2 {
		name, content := parts[i].(string), parts[i+1].([]byte)
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}))
		_, err := io.Copy(w, bytes.NewReader(content))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func (n *node) sandboxConfig(namespace, name string) *cri.PodSandboxConfig {
	return &cri.PodSandboxConfig{
		Metadata: &cri.PodSandboxMetadata{Namespace: namespace, Name: name, Uid: "uid-" + name},
		Linux: &cri.LinuxPodSandboxConfig{CgroupParent: n.parent, SecurityContext: &cri.LinuxSandboxSecurityContext{
			NamespaceOptions: &cri.NamespaceOption{Network: cri.NamespaceMode_POD, Pid: cri.NamespaceMode_CONTAINER},
		}},
	}
}

// runPod makes a sandbox as the kubelet does.
func (n *node) runPod(config *cri.PodSandboxConfig) string {
	n.t.Helper()
	answer, err := n.runtime.RunPodSandbox(n.t.Context(), &cri.RunPodSandboxRequest{Config: config})
	require.NoError(n.t, err)
	return answer.GetPodSandboxId()
}

// create makes a container as admission leaves it, and does not start it.
//
//nolint:unparam // the bench makes others than the proxy
func (n *node) create(config *cri.PodSandboxConfig, sandbox, name string, attempt uint32) string {
	n.t.Helper()
	return n.createWith(config, sandbox, name, attempt, &cri.LinuxContainerSecurityContext{
		Capabilities:     &cri.Capability{DropCapabilities: []string{"NET_RAW"}},
		NamespaceOptions: &cri.NamespaceOption{Pid: cri.NamespaceMode_CONTAINER},
	})
}

func (n *node) createWith(config *cri.PodSandboxConfig, sandbox, name string, attempt uint32, security *cri.LinuxContainerSecurityContext) string {
	n.t.Helper()
	answer, err := n.runtime.CreateContainer(n.t.Context(), &cri.CreateContainerRequest{
		PodSandboxId: sandbox, SandboxConfig: config,
		Config: &cri.ContainerConfig{
			Metadata: &cri.ContainerMetadata{Name: name, Attempt: attempt}, Image: &cri.ImageSpec{Image: pauseImage},
			Linux: &cri.LinuxContainerConfig{SecurityContext: security},
		},
	})
	require.NoError(n.t, err)
	return answer.GetContainerId()
}

func (n *node) run(container string) {
	n.t.Helper()
	_, err := n.runtime.StartContainer(n.t.Context(), &cri.StartContainerRequest{ContainerId: container})
	require.NoError(n.t, err)
}

func (n *node) kill(container string) {
	n.t.Helper()
	_, err := n.runtime.StopContainer(n.t.Context(), &cri.StopContainerRequest{ContainerId: container})
	require.NoError(n.t, err)
}

func (n *node) removePod(sandbox string) {
	n.t.Helper()
	_, err := n.runtime.StopPodSandbox(n.t.Context(), &cri.StopPodSandboxRequest{PodSandboxId: sandbox})
	require.NoError(n.t, err)
}

func (n *node) removeAll() {
	ctx := context.Background()
	boxes, err := n.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	require.NoError(n.t, err)
	for _, b := range boxes.GetItems() {
		_, err := n.runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: b.GetId()})
		require.NoError(n.t, err)
		_, err = n.runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: b.GetId()})
		require.NoError(n.t, err)
	}
}
