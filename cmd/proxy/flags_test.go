package main

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/programs/cli"
)

func TestAWrongSettingIsNamedWithTheWayOut(t *testing.T) {
	for argument, message := range map[string]string{
		"--bind-address=9443":        `"9443" is not host:port; write for example :9443`,
		"--bind-address=0":           `"0" is not host:port; write for example :9443`,
		"--metrics-bind-address=x":   `"x" is not host:port; write for example :9443`,
		"--health-bind-address=a:0":  `"a:0" has no port of 1 to 65535; write for example :9443`,
		"--drain-time=21s":           `"21s" is not a time of 0s to 20s, which with the end of open requests a pod has before it is killed; write for example 10s`,
		"--max-requests-per-caller=": `"" is not a number of 1 to 65535`,
	} {
		c := command()
		require.ErrorContains(t, c.ParseFlags([]string{argument}), message, argument)
	}
	c := command()
	require.NoError(t, c.ParseFlags([]string{"--metrics-bind-address=0", "--drain-time=20s", "--bind-address=[::1]:1"}))
	require.Equal(t, 2, cli.Run(t.Context(), command(), nil, io.Discard, io.Discard))
}
