package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

func TestTheManifestNamesEachPlatformsArchive(t *testing.T) {
	sums := map[string]string{}
	for _, p := range platforms() {
		sums[p] = strings.Repeat("ab", 32)
	}
	var plugin struct {
		Kind string
		Spec struct {
			Version, ShortDescription string
			Platforms                 []struct {
				Selector         struct{ MatchLabels map[string]string }
				URI, SHA256, Bin string
				Files            []map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(manifest("v1.2.3", "https://example.org/v1.2.3/", sums)), &plugin))
	require.Equal(t, "Plugin", plugin.Kind)
	require.Equal(t, "v1.2.3", plugin.Spec.Version)
	require.Less(t, len(plugin.Spec.ShortDescription), 50)
	require.Len(t, plugin.Spec.Platforms, len(platforms()))
	for _, p := range plugin.Spec.Platforms {
		platform := p.Selector.MatchLabels["os"] + "/" + p.Selector.MatchLabels["arch"]
		require.Equal(t, "https://example.org/v1.2.3/"+file(platform), p.URI)
		require.Equal(t, name(platform), p.Bin)
		require.Equal(t, p.Bin, p.Files[0]["from"])
		require.Len(t, p.SHA256, 64)
	}
}

func TestAnArchiveHasTheProgramAndTheLicence(t *testing.T) {
	packed, err := pack(map[string][]byte{"kubectl-dataspace": []byte("program"), "LICENSE": []byte("licence")})
	require.NoError(t, err)
	again, err := pack(map[string][]byte{"kubectl-dataspace": []byte("program"), "LICENSE": []byte("licence")})
	require.NoError(t, err)
	require.Equal(t, packed, again)
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	archive := tar.NewReader(zip)
	for _, want := range []string{"kubectl-dataspace", "LICENSE"} {
		h, err := archive.Next()
		require.NoError(t, err)
		require.Equal(t, want, h.Name)
	}
}

func TestAWrongCallNamesTheFlags(t *testing.T) {
	require.ErrorContains(t, run(t.TempDir(), "1.2.3", "https://example.org"), `-version="1.2.3"`)
	require.ErrorContains(t, run(t.TempDir(), "v1.2.3", "http://example.org"), "https")
}
