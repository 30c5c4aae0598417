//go:build kernel

package plugin_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/testutils"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/effects/spacefile"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/gate"
	"data-space.liqo.io/pkg/values/workload"
)

const (
	previous = `{"cniVersion":"1.1.0","interfaces":[{"name":"eth0","sandbox":"x"}],"ips":[{"address":"203.0.113.2/24","interface":0}],"dns":{"nameservers":["203.0.113.53"]}}`
	pass     = `{"version":1,"verdict":"pass"}` + "\n"
	working  = `{"version":1,"verdict":"working"}` + "\n"
	enforced = `{"version":1,"verdict":"enforced"}` + "\n"
	refused  = `{"version":1,"verdict":"refused","reason":"Write","message":"the kernel says no"}` + "\n"
)

// node has the plugin, a pod's network namespace, and what an agent left.
type node struct {
	t                           *testing.T
	plugin, socket, list, netns string
}

func newNode(t *testing.T) *node {
	t.Helper()
	require.Zero(t, os.Geteuid(), "this test needs root")
	dir, err := os.MkdirTemp("", "ds")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	n := &node{t: t, plugin: dir + "/plugin", socket: dir + "/gate.sock", list: dir + "/state/namespaces.json"}
	build := exec.Command("go", "build", "-o", n.plugin, "data-space.liqo.io/cmd/cni")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	handle, err := testutils.NewNS()
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, handle.Close())
		require.NoError(t, testutils.UnmountNS(handle))
	})
	n.netns = handle.Path()
	require.NoError(t, spacefile.Write(n.list, gate.SpacesOf([]workload.Namespace{
		{Name: "pharma", Labels: map[string]string{apis.LabelRemoteCluster: "pharma-1"}}, {Name: "hospital"},
	})))
	return n
}

// call runs the plugin and returns its output and whether it succeeded.
func (n *node) call(command, namespace string, more map[string]any) (string, bool) {
	n.t.Helper()
	conf := map[string]any{
		"cniVersion": "1.1.0", "name": "test", "type": gate.PluginType, "socket": n.socket, "spaces": n.list,
		"exempt": []string{"kube-system"}, "prevResult": json.RawMessage(previous),
	}
	for key, value := range more {
		if conf[key] = value; value == nil {
			delete(conf, key)
		}
	}
	text, err := json.Marshal(conf)
	require.NoError(n.t, err)
	return n.run(command, "K8S_POD_NAMESPACE="+namespace+";K8S_POD_NAME=app;K8S_POD_UID=1", string(text))
}

func (n *node) run(command, args, conf string) (string, bool) {
	n.t.Helper()
	cmd := exec.Command(n.plugin)
	cmd.Env = []string{
		"CNI_COMMAND=" + command, "CNI_NETNS=" + n.netns, "CNI_CONTAINERID=0123", "CNI_IFNAME=eth0", "CNI_PATH=/none", "CNI_ARGS=" + args,
	}
	cmd.Stdin = strings.NewReader(conf)
	out, err := cmd.Output()
	return string(out), err == nil
}

// agent answers each request with the given words, and then hangs up.
func (n *node) agent(answers ...string) (requests *bytes.Buffer) {
	n.t.Helper()
	l, err := net.Listen("unix", n.socket)
	require.NoError(n.t, err)
	require.NoError(n.t, os.Chmod(n.socket, 0o600))
	requests = &bytes.Buffer{}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			buffer := make([]byte, gate.MaxRequest)
			count, _ := conn.Read(buffer)
			requests.Write(buffer[:count])
			for _, a := range answers {
				if pause, err := time.ParseDuration(a); err == nil {
					time.Sleep(pause)
					continue
				}
				_, _ = conn.Write([]byte(a))
			}
			conn.Close()
		}
	}()
	n.t.Cleanup(func() { l.Close() })
	return requests
}

func TestADDHandsOnTheResult(t *testing.T) {
	n := newNode(t)
	requests := n.agent(working, enforced)
	out, ok := n.call("ADD", "pharma", nil)
	require.True(t, ok, out)
	require.JSONEq(t, previous, out)
	r, err := gate.DecodeRequest(requests.Bytes())
	require.NoError(t, err)
	require.Equal(t, "pharma app 1 0123 "+n.netns+" [203.0.113.2]", fmt.Sprint(r.Namespace, " ", r.Name, " ", r.UID, " ", r.Container, " ", r.Netns, " ", r.IPs))

	out, ok = n.call("ADD", "pharma", map[string]any{"prevResult": nil})
	require.False(t, ok)
	require.Contains(t, out, "put its entry last")
	out, ok = n.run("ADD", "", `{"cniVersion":"1.1.0","name":"test","type":"x","prevResult":`+previous+`}`)
	require.True(t, ok, "a container that is no pod's: %s", out)
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		when            string
		answers         []string
		foreign, others string // what the plugin says to a foreign and to another pod; "": it lets it pass
	}{
		{"the agent lets it pass", []string{pass}, "", ""},
		{"the agent refuses", []string{refused}, "the kernel says no", "the kernel says no"},
		{"the agent refuses after it began", []string{working, refused}, "the kernel says no", "the kernel says no"},
		{"it hangs up", nil, "AgentAway", ""},
		{"it talks nonsense", []string{"<html>\n"}, "AgentAway", ""},
		{"it is of another release", []string{`{"version":2,"verdict":"pass"}` + "\n"}, "another version of the protocol", ""},
		{"it says half a word", []string{pass[:10]}, "AgentAway", ""},
		{"it floods", []string{strings.Repeat("x", 3*gate.MaxAnswer)}, "AgentAway", ""},
		{"it never answers", []string{"4s"}, "AgentAway", ""},
		{"it begins and dies", []string{working}, "did not say that it has", "did not say that it has"},
		{"it begins twice", []string{working, working}, "said so twice", "said so twice"},
	} {
		t.Run(c.when, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			n.agent(c.answers...)
			for namespace, want := range map[string]string{"pharma": c.foreign, "hospital": c.others} {
				out, ok := n.call("ADD", namespace, nil)
				require.Equal(t, want == "", ok, "%s: %s", namespace, out)
				require.Contains(t, out, want)
				if !ok {
					require.Contains(t, out, `"code": 11`, "try again later")
				}
			}
		})
	}
}

func TestWithoutAnAgent(t *testing.T) {
	n := newNode(t)
	annotations := func(more ...string) map[string]any {
		all := map[string]string{"kubernetes.io/config.source": "api"}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return map[string]any{"marks": true, "runtimeConfig": map[string]any{gate.CapabilityAnnotations: all}}
	}
	for _, c := range []struct {
		namespace string
		more      map[string]any
		want      string
	}{
		{"pharma", nil, "AgentAway"},
		{"hospital", nil, ""},
		{"unknown", nil, "UnknownNamespace"},
		{"kube-system", nil, ""},
		{"unknown", annotations(), ""},
		{"unknown", annotations(gate.AnnotationGuest, "pharma-1"), "AgentAway"},
		{"hospital", annotations(gate.AnnotationGuest, "pharma-1"), "AgentAway"},
		{"hospital", map[string]any{"spaces": "/nowhere"}, "cannot be read"},
	} {
		out, ok := n.call("ADD", c.namespace, c.more)
		require.Equal(t, c.want == "", ok, "%s %v: %s", c.namespace, c.more, out)
		require.Contains(t, out, c.want)
	}
	out, ok := n.call("CHECK", "hospital", nil)
	require.True(t, ok, out)
	_, ok = n.call("CHECK", "pharma", nil)
	require.False(t, ok)
}

func TestWhatNeverFails(t *testing.T) {
	n := newNode(t)
	for _, conf := range []string{"", "{", `{"cniVersion":"9.9.9"}`, `{"cniVersion":"1.1.0","name":"test","type":"x"}`} {
		out, ok := n.run("DEL", "K8S_POD_NAMESPACE=pharma", conf)
		require.True(t, ok, "DEL with %q: %s", conf, out)
		require.Empty(t, out)
	}
	for _, command := range []string{"GC", "STATUS"} {
		out, ok := n.run(command, "", `{"cniVersion":"1.1.0","name":"test","type":"x"}`)
		require.True(t, ok, "%s, without an agent: %s", command, out)
	}
	out, ok := n.run("VERSION", "", `{"cniVersion":"1.1.0"}`)
	require.True(t, ok)
	require.Contains(t, out, "1.1.0")
}

func TestWhoListensMustBeRoots(t *testing.T) {
	n := newNode(t)
	n.agent(pass)
	for name, spoil := range map[string]func() error{
		"the socket is somebody else's": func() error { return os.Chown(n.socket, 65534, 65534) },
		"others may write to it":        func() error { return os.Chmod(n.socket, 0o666) },
		"others may put another there":  func() error { return os.Chmod(filepath.Dir(n.socket), 0o777) },
		"the folder is somebody else's": func() error { return os.Chown(filepath.Dir(n.socket), 65534, 65534) },
	} {
		require.NoError(t, spoil())
		out, ok := n.call("ADD", "pharma", nil)
		require.False(t, ok, name)
		require.Contains(t, out, "not root's", name)
		require.NoError(t, os.Chown(n.socket, 0, 0))
		require.NoError(t, os.Chmod(n.socket, 0o600))
		require.NoError(t, os.Chown(filepath.Dir(n.socket), 0, 0))
		require.NoError(t, os.Chmod(filepath.Dir(n.socket), 0o700))
	}
	out, ok := n.call("ADD", "pharma", nil)
	require.True(t, ok, out)

	require.NoError(t, os.Chmod(n.list, 0o666))
	_, err := spacefile.Read(n.list)
	require.ErrorContains(t, err, "not root's alone to write")
}

func TestWhoAsksMustBeRoot(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", dir+"/s")
	require.NoError(t, err)
	defer l.Close()
	for _, path := range []string{dir, filepath.Dir(dir), dir + "/s"} {
		require.NoError(t, os.Chmod(path, 0o777))
	}
	refusals := make(chan error, 1)
	accepted := make(chan struct{})
	go func() {
		conn, err := localsock.Listener{Listener: l, Refused: func(err error) { refusals <- err }}.Accept()
		if err == nil {
			conn.Close()
		}
		close(accepted)
	}()
	out, err := exec.Command("setpriv", "--reuid=65534", "--clear-groups", "perl", "-MSocket", "-e",
		`socket(S,PF_UNIX,SOCK_STREAM,0); connect(S,sockaddr_un($ARGV[0])) or die "$!"; print "reached";`, dir+"/s").CombinedOutput()
	require.NoError(t, err, string(out))
	require.ErrorIs(t, <-refusals, localsock.ErrPeer)
	conn, err := net.Dial("unix", dir+"/s")
	require.NoError(t, err)
	conn.Close()
	<-accepted
}

// The plugin must not be asked to hold the node's own network.
func TestTheNodesOwnNetworkIsNoPods(t *testing.T) {
	n := newNode(t)
	n.agent(pass)
	own, err := ns.GetCurrentNS()
	require.NoError(t, err)
	defer own.Close()
	n.netns = own.Path()
	out, ok := n.call("ADD", "hospital", nil)
	require.False(t, ok, out)
}
