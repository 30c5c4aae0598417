package image

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/cluster/internal/plan"
)

func TestTheBaseIsWhatTheDockerfileDefaultsTo(t *testing.T) {
	require.Equal(t, "scratch", defaultBase("# c\nARG BASE=scratch\nFROM ${BASE}\n"))
	require.Equal(t, "debian:bookworm-slim", defaultBase("ARG BASE=debian:bookworm-slim\n"))
	require.Empty(t, defaultBase("FROM scratch\n"))
}

func put(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func TestImagesAreFoundByTheirDockerfiles(t *testing.T) {
	root := t.TempDir()
	dirs := plan.Dirs{Cache: t.TempDir()}
	put(t, filepath.Join(root, "build/agent/Dockerfile"), "ARG BASE=debian:bookworm-slim\nFROM ${BASE}\n")
	put(t, filepath.Join(root, "cmd/agent/main.go"), "package main")
	put(t, filepath.Join(root, "build/envoy/Dockerfile"), "ARG BASE=debian:bookworm-slim\nFROM ${BASE}\nCOPY --chmod=0755 libreader.so /usr/local/lib/\n")
	put(t, dirs.Program("envoy"), "")
	put(t, filepath.Join(root, "demo/build/app/Dockerfile"), "ARG BASE=scratch\nFROM ${BASE}\n")
	put(t, filepath.Join(root, "demo/build/app/main.go"), "package main")
	put(t, filepath.Join(root, "build/later/Dockerfile"), "ARG BASE=scratch\nFROM ${BASE}\n")

	images, notes, err := Discover(root, dirs)
	require.NoError(t, err)
	require.Equal(t, []Image{
		{Name: "agent", Dockerfile: filepath.Join(root, "build/agent/Dockerfile"), Package: "./cmd/agent", Debian: true},
		{Name: "envoy", Dockerfile: filepath.Join(root, "build/envoy/Dockerfile"), Program: dirs.Program("envoy"), Debian: true,
			Modules: []string{filepath.Join(root, "build/envoy/reader")}},
		{Name: "app", Dockerfile: filepath.Join(root, "demo/build/app/Dockerfile"), Package: "./demo/build/app"},
	}, images)
	require.Equal(t, []string{"no image later: cmd/later has no program yet"}, notes)
	require.Equal(t, "docker.io/data-spacer/agent:dev", images[0].Tag())
}

func TestADigestChangesWithTheFilesAndTheBase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	put(t, file, "one")
	one, err := digestOf("base", file)
	require.NoError(t, err)
	again, err := digestOf("base", file)
	require.NoError(t, err)
	require.Equal(t, one, again)
	otherBase, err := digestOf("base2", file)
	require.NoError(t, err)
	require.NotEqual(t, one, otherBase)
	put(t, file, "two")
	two, err := digestOf("base", file)
	require.NoError(t, err)
	require.NotEqual(t, one, two)
}
