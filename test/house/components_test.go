package house

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// kustomization is what is read of a component.
type kustomization struct {
	Patches []struct {
		Target struct{ Kind, Name string }
		Patch  string
	}
}

// A component names a part of an object by its place, and tests what is there: kubectl refuses the component if that has moved.
func TestWhatComponentsPatchIsWhereTheyExpectIt(t *testing.T) {
	files, err := filepath.Glob("../../deploy/*/kustomization.yaml")
	require.NoError(t, err)
	tested := 0
	for _, file := range files {
		var component kustomization
		read(t, file, &component)
		for _, p := range component.Patches {
			var operations []struct{ Op, Path, Value string }
			if err := yaml.Unmarshal([]byte(p.Patch), &operations); err != nil {
				continue // a strategic merge, or a value that is not a text
			}
			for _, o := range operations {
				if o.Op != "test" {
					continue
				}
				tested++
				require.Equal(t, o.Value, at(manifest(t, p.Target.Kind, p.Target.Name), o.Path), "%s: %s of %s %s: correct the path", file, o.Path, p.Target.Kind, p.Target.Name)
			}
		}
	}
	require.Positive(t, tested)
}

// manifest returns an object of deploy.
func manifest(t *testing.T, kind, name string) any {
	t.Helper()
	files, err := filepath.Glob("../../deploy/*.yaml")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for document := range strings.SplitSeq(string(text), "\n---\n") {
			var object map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(document), &object), file)
			if object["kind"] == kind && at(object, "/metadata/name") == name {
				return object
			}
		}
	}
	require.Fail(t, "deploy has no such object", "%s %s", kind, name)
	return nil
}

// at returns what is at a path (RFC 6901) of an object; nil: nothing.
func at(object any, path string) any {
	for _, part := range strings.Split(path, "/")[1:] {
		switch o := object.(type) {
		case map[string]any:
			object = o[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(o) {
				return nil
			}
			object = o[i]
		default:
			return nil
		}
	}
	return object
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into), file)
}
