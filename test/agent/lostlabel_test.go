//go:build api

package agent_test

import (
	"net"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
)

// TestALostLabelChangesNothingOnTheWire: no controller restores the label here. A datagram that a process of the pod sends past the proxy reaches the node
// only when the namespace is released, which shows that all earlier ones were dropped.
func TestALostLabelChangesNothingOnTheWire(t *testing.T) {
	c, n := newCluster(t), newNode(t)
	c.namespace("pharma", map[string]string{apis.LabelRemoteCluster: "pharma-1", apis.LabelGuest: "pharma-1"})
	api, server := newLine(t, c.config.Host)
	kubeconfig, state := c.kubeconfig(server, apis.SystemNamespace, account), t.TempDir()
	job := c.pod("pharma", "job")
	config := n.sandboxConfig("pharma", "job")
	config.Metadata.Uid = string(job.UID)
	box := n.runPod(config)
	proxy := n.create(config, box, apis.ProxyContainerName, 0)
	n.run(proxy)
	p := startProgram(t, c, n, kubeconfig, state)
	p.reaches("job", agentapi.Enforced, proxy)
	arrives := n.datagrams(t, box)
	contained := func(what string) {
		t.Helper()
		for range 5 {
			require.False(t, arrives(200*time.Millisecond), what)
		}
		p.reaches("job", agentapi.Enforced, proxy)
	}
	contained("at rest")
	patch := func(text string) {
		t.Helper()
		_, err := c.CoreV1().Namespaces().Patch(t.Context(), "pharma", types.MergePatchType, []byte(text), metav1.PatchOptions{})
		require.NoError(t, err)
	}
	for what, labels := range map[string]string{
		"changed": `"liqo.io/remote-cluster-id":"rival"`, "empty": `"liqo.io/remote-cluster-id":""`,
		"a tenant namespace": `"liqo.io/remote-cluster-id":"pharma-1","liqo.io/tenant-namespace":"true"`,
		"removed":            `"liqo.io/remote-cluster-id":null,"liqo.io/tenant-namespace":null`,
	} {
		patch(`{"metadata":{"labels":{` + labels + `}}}`)
		contained(what)
		require.Equal(t, "pharma-1", p.reaches("job", agentapi.Enforced, proxy).Guest, what)
	}
	// The guest is suspended while Liqo's label is lost: nothing opens its pod, and it is closed in the kernel for its proxy as well.
	patch(`{"metadata":{"labels":{"liqo.io/remote-cluster-id":null,"liqo.io/tenant-namespace":null,"data-space.liqo.io/suspended":"true"}}}`)
	p.reaches("job", agentapi.Closed, "")
	for what, labels := range map[string]string{"changed": `"liqo.io/remote-cluster-id":"rival"`, "removed": `"liqo.io/remote-cluster-id":null`} {
		patch(`{"metadata":{"labels":{` + labels + `}}}`)
		for range 5 {
			require.False(t, arrives(200*time.Millisecond), what)
		}
		closed := p.reaches("job", agentapi.Closed, "")
		require.Equal(t, []string{"pharma-1", "Suspended"}, []string{closed.Guest, closed.Reason}, what)
	}
	patch(`{"metadata":{"labels":{"data-space.liqo.io/suspended":null}}}`)
	contained("active again")
	p.stop()
	p = startProgram(t, c, n, kubeconfig, state)
	contained("the agent starts again")
	p.stop()
	api.Cut()
	p = startProgram(t, c, n, kubeconfig, state)
	contained("the agent starts again without the API server")
	require.NoError(t, api.Join())
	contained("the API server is back")

	patch(`{"metadata":{"labels":{"data-space.liqo.io/guest":null,"liqo.io/remote-cluster-id":null,"liqo.io/tenant-namespace":null}}}`)
	require.Eventually(t, func() bool { return arrives(200 * time.Millisecond) }, time.Minute, 50*time.Millisecond, "released, as the controller does it")
}

// datagrams returns a function that sends one from the pod to the node, past every proxy, and reports whether it arrives.
func (n *node) datagrams(t *testing.T, box string) func(within time.Duration) bool {
	t.Helper()
	client, err := sandbox.Dial(t.Context(), n.socket)
	require.NoError(t, err)
	defer client.Close()
	detail, err := client.Sandbox(t.Context(), box)
	require.NoError(t, err)
	pod, err := netns.Open(detail.Netns)
	require.NoError(t, err)
	t.Cleanup(func() { _ = pod.Close() })
	var far net.PacketConn
	require.Eventually(t, func() bool {
		return n.netns.Do(func(ns.NetNS) (err error) { far, err = net.ListenPacket("udp", "203.0.113.1:0"); return err }) == nil
	}, 30*time.Second, 50*time.Millisecond, "the node has the address")
	t.Cleanup(func() { _ = far.Close() })
	return func(within time.Duration) bool {
		_ = pod.Do(func() error {
			conn, err := net.Dial("udp", far.LocalAddr().String())
			if err != nil {
				return err
			}
			defer conn.Close()
			_, err = conn.Write([]byte("past the proxy")) // EPERM where the rules drop it
			return err
		})
		_ = far.SetReadDeadline(time.Now().Add(within))
		_, _, err := far.ReadFrom(make([]byte, 100))
		return err == nil
	}
}
