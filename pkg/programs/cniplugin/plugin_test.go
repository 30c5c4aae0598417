package cniplugin

import (
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/gate"
)

func TestTheConfigurationIsRead(t *testing.T) {
	c, err := parse([]byte(`{"cniVersion":"1.1.0","name":"n","type":"data-space-cni","marks":true,"exempt":["kube-system"],
		"runtimeConfig":{"io.kubernetes.cri.pod-annotations":{"kubernetes.io/config.source":"api"}},
		"prevResult":{"cniVersion":"1.1.0","interfaces":[{"name":"veth0"},{"name":"eth0","sandbox":"/run/netns/x"}],
			"ips":[{"address":"203.0.113.1/24","interface":0},{"address":"203.0.113.2/24","interface":1},{"address":"2001:db8::2/64"}]}}`))
	require.NoError(t, err)
	require.True(t, c.entry.Marks)
	require.Equal(t, gate.Socket, c.entry.Socket, "the usual places are known")
	require.Equal(t, gate.SpacesFile, c.entry.Spaces)
	require.Equal(t, gate.Mark{Shown: true}, gate.MarkOf(c.annotations))
	ips, err := addresses(c.PrevResult)
	require.NoError(t, err)
	require.Len(t, ips, 2, "the node's end of the cable is not the pod's")
	require.Equal(t, "203.0.113.2", ips[0].String())

	for _, text := range []string{`{`, `{"exempt":7}`, `{"cniVersion":"1.1.0","prevResult":{"ips":7}}`} {
		_, err := parse([]byte(text))
		require.Error(t, err, text)
	}
	ips, err = addresses(&current.Result{})
	require.NoError(t, err)
	require.Empty(t, ips)
}

func TestThePodIsReadFromTheArguments(t *testing.T) {
	p, ok := podOf("IgnoreUnknown=1;K8S_POD_NAMESPACE=a;K8S_POD_NAME=b;K8S_POD_UID=c;X=y=z")
	require.True(t, ok)
	require.Equal(t, pod{"a", "b", "c"}, p)
	for _, args := range []string{"", "IgnoreUnknown=1", "K8S_POD_NAMESPACE="} {
		_, ok := podOf(args)
		require.False(t, ok, "a container that is no pod's: %q", args)
	}
}
