package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/programs/cli"
)

func TestTheSettingsOfTheOriginalPolicyBecomeAProtectedTaint(t *testing.T) {
	file := filepath.Join(t.TempDir(), "settings.yaml")
	require.NoError(t, os.WriteFile(file, []byte("taint: {key: dedicated, value: tenantA}\nallowed_users: [alice]\n"), 0o600))
	called := func(args ...string) (int, string, string) {
		var out, errs strings.Builder
		status := cli.Run(t.Context(), command(), append([]string{"protected-taint"}, args...), &out, &errs)
		return status, out.String(), errs.String()
	}
	status, out, errs := called("--from", file, "--name=study")
	require.Zero(t, status, errs)
	require.Contains(t, out, "kind: ProtectedTaint\nmetadata:\n  name: study\nspec:\n  allowedUsers:\n  - alice\n")
	for _, c := range []struct {
		args    []string
		message string
	}{
		{[]string{"--from=/absent"}, "--from: open /absent"},
		{[]string{"surplus"}, "surplus"},
		{[]string{"--odd"}, "odd"},
		{[]string{"--from", file, "--name=A"}, `--name: "A" is not an object's name`},
	} {
		status, out, errs := called(c.args...)
		require.NotZero(t, status, c.args)
		require.Contains(t, errs, c.message)
		require.NotContains(t, out, "kind:")
	}
}

func TestWhoIsNotAskedForARightIsASetting(t *testing.T) {
	s, err := parse([]string{"--envoy-image=envoy"})
	require.NoError(t, err)
	require.Contains(t, s.options.TrustedControllers, "system:serviceaccount:kube-system:daemon-set-controller")
	require.Equal(t, []string{"liqo"}, s.options.ExemptNamespaces)
	s, err = parse([]string{"--envoy-image=envoy", "--trusted-controllers=a,system:serviceaccount:b:c", "--reserved-exempt-namespaces=d,e"})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "system:serviceaccount:b:c"}, s.options.TrustedControllers)
	require.Equal(t, []string{"d", "e"}, s.options.ExemptNamespaces)
	_, err = parse([]string{"--envoy-image=envoy", "--trusted-controllers=a,"})
	require.ErrorContains(t, err, `"a," is not a list of users`)
}
