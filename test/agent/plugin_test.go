//go:build kernel

package agent_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/values/gate"
)

// check calls the plugin as a runtime would, with the result of the ADD before.
func (g gated) check(client *sandbox.Client, box, namespace, name string) error {
	g.t.Helper()
	detail, err := client.Sandbox(g.t.Context(), box)
	require.NoError(g.t, err)
	type ip struct {
		Address string `json:"address"`
	}
	var ips []ip
	for _, a := range detail.IPs {
		ips = append(ips, ip{fmt.Sprintf("%s/%d", a, a.BitLen())})
	}
	conf, err := json.Marshal(map[string]any{
		"cniVersion": "1.1.0", "name": "test", "type": gate.PluginType, "socket": g.socket, "spaces": g.list,
		"prevResult": map[string]any{"cniVersion": "1.1.0", "ips": ips},
	})
	require.NoError(g.t, err)
	_, err = g.call("CHECK", detail.Netns, box, fmt.Sprintf("IgnoreUnknown=1;K8S_POD_NAMESPACE=%s;K8S_POD_NAME=%s", namespace, name), string(conf))
	return err
}

// call runs the plugin.
func (g gated) call(command, netns, box, args, conf string) (string, error) {
	cmd := exec.Command(g.chain.Source)
	cmd.Env = append(os.Environ(), "CNI_COMMAND="+command, "CNI_NETNS="+netns, "CNI_CONTAINERID="+box, "CNI_IFNAME=eth0",
		"CNI_PATH=/none", "CNI_ARGS="+args)
	cmd.Stdin = strings.NewReader(conf)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return string(out), err
}

// spoil changes a rule behind the agent's back.
func (g gated) spoil(client *sandbox.Client, box string) {
	g.t.Helper()
	detail, err := client.Sandbox(g.t.Context(), box)
	require.NoError(g.t, err)
	ns, err := netns.Open(detail.Netns)
	require.NoError(g.t, err)
	defer ns.Close()
	g.inside(ns, "iptables-nft", "-I", "OUTPUT", "-j", "ACCEPT")
}

// ask puts a request to the gate past the plugin and returns the last answer.
func (g gated) ask(r gate.Request) (gate.Answer, error) {
	r.Version = gate.Version
	conn, err := localsock.Dial(g.t.Context(), g.socket)
	if err != nil {
		return gate.Answer{}, err
	}
	defer conn.Close()
	line, err := gate.Encode(r)
	if err != nil {
		return gate.Answer{}, err
	}
	if _, err := conn.Write(line); err != nil {
		return gate.Answer{}, err
	}
	answers := bufio.NewReader(conn)
	for {
		line, err := answers.ReadBytes('\n')
		if err != nil {
			return gate.Answer{}, err
		}
		answer, err := gate.DecodeAnswer(line)
		if err != nil || answer.Final() {
			return answer, err
		}
	}
}
