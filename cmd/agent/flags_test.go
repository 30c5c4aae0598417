package main

import (
	"bytes"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/programs/cli"
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
		"not a node":              {[]string{"--node-name=Node 1"}, []string{"--node-name", `"Node 1"`, "NODE_NAME"}},
		"unknown flag":            {[]string{"--enabel=redirect"}, []string{"unknown flag: --enabel", "agent --help"}},
		"unknown flag of status":  {[]string{"status", "--enable=redirect"}, []string{"unknown flag: --enable", "agent status --help"}},
		"unknown form of the log": {[]string{"--node-name=n", "--log-format=xml"}, []string{"--log-format", "auto, json or text"}},
		"unknown command":         {[]string{"--node-name=n", "stauts"}, []string{"stauts", `"status"`}},
		"a gate without redirect": {[]string{"--node-name=n", "--enable=networkpolicy", "--gate=cni"}, []string{"--gate=cni", "--enable", "--gate=off"}},
		"unknown denial":          {[]string{"--policy-denial=ignore"}, []string{"--policy-denial", "reject or drop"}},
		"unknown what":            {[]string{"--policy-unknown=maybe"}, []string{"--policy-unknown", "foreign, never or always"}},
		"no such log group":       {[]string{"--policy-log-group=65536"}, []string{"--policy-log-group", "0 to 65535"}},
		"not a range":             {[]string{"--pod-cidrs=203.0.113.0/24,pods"}, []string{"--pod-cidrs", `"pods"`}},
		"explain what":            {[]string{"explain", "--to=192.0.2.1"}, []string{`--from=""`, `--port=""`}},
		"explain as what":         {[]string{"explain", "-o", "yaml"}, []string{"--output", "text or json"}},
		"cleanup of what":         {[]string{"cleanup", "everything"}, []string{`"everything"`, "agent cleanup takes flags only"}},
		"status as what":          {[]string{"status", "-o", "xml"}, []string{"--output", "table, json or wide"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out, problem bytes.Buffer
			code := cli.Run(t.Context(), command(unset), test.args, &out, &problem)
			require.Equal(t, 2, code)
			for _, part := range test.want {
				require.Contains(t, problem.String(), part)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	o, err := parse(nil, func(name string) string { return map[string]string{"NODE_NAME": "node-1"}[name] })
	require.NoError(t, err)
	require.Equal(t, "node-1", o.node)
	require.Equal(t, "auto", o.backend, "it is detected")
	require.True(t, o.does(featureRedirect))
	require.False(t, o.does(featurePolicy))
}

func TestHelpListsTheCommandsAndTheFlagsWithTwoDashes(t *testing.T) {
	var out, problem bytes.Buffer
	require.Equal(t, 0, cli.Run(t.Context(), command(unset), []string{"--help"}, &out, &problem))
	require.Empty(t, problem.String())
	for _, part := range []string{"--verify-interval", "--iptables-backend", "\n  status ", "\n  explain ", "\n  requests ", "\n  cleanup ", "\n  install-cni ", "\n  uninstall-cni "} {
		require.Contains(t, out.String(), part)
	}
	out.Reset()
	require.Equal(t, 0, cli.Run(t.Context(), command(unset), []string{"requests", "--help"}, &out, &problem))
	require.Contains(t, out.String(), "-o, --output")
}

func TestNoAgentToAsk(t *testing.T) {
	var out, problem bytes.Buffer
	code := cli.Run(t.Context(), command(unset), []string{"status", "--status-socket=" + t.TempDir() + "/none.sock"}, &out, &problem)
	require.Equal(t, 1, code)
	require.Contains(t, problem.String(), "none.sock")
}

// unset is an environment without variables.
func unset(string) string { return "" }

// parse returns the settings of a command line.
func parse(args []string, getenv func(string) string) (options, error) {
	var o options
	f := pflag.NewFlagSet("agent", pflag.ContinueOnError)
	o.flags(f, getenv)
	if err := f.Parse(args); err != nil {
		return o, err
	}
	return o, o.check()
}
