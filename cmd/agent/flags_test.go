package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAWrongCallNamesTheFlagAndTheWayOut(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"no node":                 {nil, []string{"--node-name", "NODE_NAME"}},
		"unknown feature":         {[]string{"--enable=redirect,magic"}, []string{"--enable", `"magic"`, "known: redirect"}},
		"nothing to do":           {[]string{"--enable="}, []string{"--enable", "known: redirect"}},
		"unknown backend":         {[]string{"--iptables-backend=ebtables"}, []string{"--iptables-backend", "auto, nft or legacy"}},
		"resync too short":        {[]string{"--resync=1ms"}, []string{"--resync", "at least 1s"}},
		"verify too short":        {[]string{"--verify-interval=0s"}, []string{"--verify-interval", "at least 1s"}},
		"not an address":          {[]string{"--metrics-bind-address=nowhere"}, []string{"--metrics-bind-address", "host:port"}},
		"not a path":              {[]string{"--status-socket=agent.sock"}, []string{"--status-socket", "absolute path"}},
		"not a socket's path":     {[]string{"--cri-socket=tcp://x"}, []string{"--cri-socket", "/run/containerd/containerd.sock"}},
		"unknown level":           {[]string{"--log-level=loud"}, []string{"--log-level", "debug, info, warn or error"}},
		"unknown flag":            {[]string{"--enabel=redirect"}, []string{"enabel"}},
		"unknown command":         {[]string{"--node-name=n", "stauts"}, []string{"stauts", `"status"`}},
		"a gate without redirect": {[]string{"--node-name=n", "--enable=networkpolicy", "--gate=cni"}, []string{"--gate=cni", "--enable", "--gate=off"}},
		"unknown denial":          {[]string{"--policy-denial=ignore"}, []string{"--policy-denial", "reject or drop"}},
		"unknown what":            {[]string{"--policy-unknown=maybe"}, []string{"--policy-unknown", "never, foreign or always"}},
		"no such log group":       {[]string{"--policy-log-group=65536"}, []string{"--policy-log-group", "0 to 65535"}},
		"not a range":             {[]string{"--pod-cidrs=203.0.113.0/24,pods"}, []string{"--pod-cidrs", `"pods"`}},
		"explain what":            {[]string{"explain", "--to=192.0.2.1"}, []string{`--from=""`, `--port=""`}},
		"explain as what":         {[]string{"explain", "-o", "yaml"}, []string{"-o", "text or json"}},
		"cleanup of what":         {[]string{"cleanup", "everything"}, []string{"everything", "takes flags only"}},
		"status as what":          {[]string{"status", "-o", "xml"}, []string{"-o", "table or json"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out, problem bytes.Buffer
			code := run(t.Context(), test.args, func(string) string { return "" }, &out, &problem)
			require.Equal(t, 2, code)
			for _, part := range test.want {
				require.Contains(t, problem.String(), part)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	var out bytes.Buffer
	o, err := parse(nil, func(name string) string { return map[string]string{"NODE_NAME": "node-1"}[name] }, &out)
	require.NoError(t, err)
	require.Equal(t, "node-1", o.node)
	require.Empty(t, o.backend, "it is detected")
	require.True(t, o.does(featureRedirect))
	require.False(t, o.does(featurePolicy))
	require.Equal(t, 0, run(t.Context(), []string{"--help"}, func(string) string { return "" }, &out, &out))
	require.Contains(t, out.String(), "-verify-interval")
}

func TestNoAgentToAsk(t *testing.T) {
	var out, problem bytes.Buffer
	code := run(t.Context(), []string{"status", "--status-socket=" + t.TempDir() + "/none.sock"}, func(string) string { return "" }, &out, &problem)
	require.Equal(t, 1, code)
	require.Contains(t, problem.String(), "none.sock")
}
