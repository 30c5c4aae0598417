package sandbox

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"data-space.liqo.io/pkg/values/workload"
)

const id = "0123456789abcdef"

// proc is a /proc with the given files.
func proc(t *testing.T, files map[string]string) host {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return newHost(dir)
}

func TestTheProxysControlGroup(t *testing.T) {
	tests := map[string]struct {
		cgroup, want, problem string
	}{
		"cgroupfs driver": {
			cgroup: "0::/kubepods/burstable/pod1/" + id + "\n", want: "/kubepods/burstable/pod1/" + id,
		},
		"systemd driver, containerd": {
			cgroup: "0::/kubepods.slice/cri-containerd-" + id + ".scope\n", want: "/kubepods.slice/cri-containerd-" + id + ".scope",
		},
		"crun's own level below the container": {
			cgroup: "0::/kubepods.slice/crio-" + id + ".scope/container\n", want: "/kubepods.slice/crio-" + id + ".scope",
		},
		"a hybrid node": {
			cgroup: "4:memory:/elsewhere/" + id + "\n0::/kubepods/" + id + "\n", want: "/kubepods/" + id,
		},
		"a process number that was used again": {
			cgroup: "0::/system.slice/sshd.service\n", problem: "is not container " + id + "'s",
		},
		"an agent in a control group namespace of its own": {
			cgroup: "0::/../../pod1/" + id + "\n", problem: "run it privileged",
		},
		"a kernel without cgroup2": {
			cgroup: "4:memory:/pod1/" + id + "\n", problem: "no cgroup2 hierarchy",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := proc(t, map[string]string{"7/cgroup": test.cgroup}).process(id, 7)
			if test.problem != "" {
				require.ErrorContains(t, err, test.problem)
				return
			}
			require.NoError(t, err)
			require.Equal(t, workload.Process{PID: 7, Cgroup: test.want}, p)
		})
	}
	t.Run("a process that ended", func(t *testing.T) {
		_, err := proc(t, nil).process(id, 7)
		require.ErrorIs(t, err, ErrGone)
	})
	t.Run("the control group is identified where cgroup2 is mounted", func(t *testing.T) {
		h := proc(t, map[string]string{
			"7/cgroup":                               "0::/pods/" + id + "\n",
			"self/mountinfo":                         "31 2 0:9 / /sys rw - sysfs none rw\n",
			"1/mountinfo":                            "31 2 0:9 /part /odd rw - cgroup2 none rw\n32 2 0:9 / /sys/fs/cgroup rw shared:9 - cgroup2 none rw\n",
			"1/root/sys/fs/cgroup/pods/" + id + "/x": "",
		})
		p, err := h.process(id, 7)
		require.NoError(t, err)
		require.NotZero(t, p.CgroupInode)
	})
}

func TestTheWaysToANetworkNamespace(t *testing.T) {
	own := "/proc/self/ns/net"
	t.Run("the runtime's own pin goes first", func(t *testing.T) {
		path, err := proc(t, nil).netns(id, own, 0)
		require.NoError(t, err)
		require.Equal(t, own, path)
	})
	t.Run("then the same pin as the node's first process sees it, past a /var/run that is an absolute symlink", func(t *testing.T) {
		h := proc(t, nil)
		require.NoError(t, os.MkdirAll(h.proc+"/1/root/run/netns", 0o700))
		require.NoError(t, os.Symlink(own, h.proc+"/1/root/run/netns/cni"))
		path, err := h.netns(id, "/var/run/netns/cni", 0)
		require.NoError(t, err)
		require.Equal(t, h.proc+"/1/root/run/netns/cni", path)
	})
	t.Run("then the sandbox's first process, if the number still is its", func(t *testing.T) {
		h := proc(t, map[string]string{"7/cgroup": "0::/pods/" + id + "\n", "8/cgroup": "0::/other\n"})
		for _, pid := range []string{"7", "8"} {
			require.NoError(t, os.MkdirAll(h.proc+"/"+pid+"/ns", 0o700))
			require.NoError(t, os.Symlink(own, h.proc+"/"+pid+"/ns/net"))
		}
		path, err := h.netns(id, "", 7)
		require.NoError(t, err)
		require.Equal(t, h.proc+"/7/ns/net", path)
		_, err = h.netns(id, "", 8)
		require.ErrorIs(t, err, ErrGone)
	})
	t.Run("a file that is no namespace leads nowhere", func(t *testing.T) {
		h := proc(t, map[string]string{"pin": ""})
		_, err := h.netns(id, h.proc+"/pin", 0)
		require.ErrorIs(t, err, ErrGone)
		require.ErrorContains(t, err, h.proc+"/pin")
	})
}

func TestWhatTheRuntimeSays(t *testing.T) {
	t.Run("addresses of both families, in their shortest form", func(t *testing.T) {
		got, err := addresses(&cri.PodSandboxNetworkStatus{Ip: "203.0.113.2", AdditionalIps: []*cri.PodIP{{Ip: "2001:db8:0:0::2"}, {}}})
		require.NoError(t, err)
		require.Len(t, got, 2)
		require.Equal(t, "2001:db8::2", got[1].String())
	})
	t.Run("an address that is none", func(t *testing.T) {
		_, err := addresses(&cri.PodSandboxNetworkStatus{Ip: "nonsense"})
		require.ErrorContains(t, err, "nonsense")
	})
	t.Run("a verbose answer without info", func(t *testing.T) {
		_, err := parseInfo(nil)
		require.ErrorContains(t, err, "containerd and CRI-O give one")
	})
	t.Run("a verbose answer that is no JSON", func(t *testing.T) {
		_, err := parseInfo(map[string]string{"info": "x"})
		require.ErrorContains(t, err, "not as expected")
	})
	t.Run("no network namespace among the namespaces", func(t *testing.T) {
		info, err := parseInfo(map[string]string{"info": `{"pid": 7, "runtimeSpec": {"linux": {"namespaces": [{"type": "ipc", "path": "/x"}]}}}`})
		require.NoError(t, err)
		require.Empty(t, netnsPath(info))
	})
}
