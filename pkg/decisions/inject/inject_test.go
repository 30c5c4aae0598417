package inject

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"data-space.liqo.io/test/golden"
)

var update = flag.Bool("update", false, "write the goldens in testdata anew")

func settings() Settings {
	return Settings{
		PriorityGrant:  "the webhook's --priority-classes",
		Image:          "docker.io/data-spacer/envoy:dev",
		Guest:          "pharma-1",
		SeccompProfile: "data-spacer/sockets-1.json",
		Requests:       corev1.ResourceList{"cpu": resource.MustParse("50m"), "memory": resource.MustParse("64Mi")},
		Limits:         corev1.ResourceList{"memory": resource.MustParse("256Mi")},
	}
}

// TestGoldens runs every testdata file: pod.yaml in; either pod out (want.yaml) or the refusals (refused.txt). The
// comment may hold the word http-proxy, as the namespace label of that name would; warnings.txt is what was warned of.
func TestGoldens(t *testing.T) {
	golden.Each(t, archived)
}

func archived(t *testing.T, file string, archive *txtar.Archive) {
	t.Helper()
	require.Equal(t, "pod.yaml", archive.Files[0].Name)
	s := settings()
	s.HTTPProxy = strings.Contains(string(archive.Comment), "http-proxy")

	raw, err := yaml.YAMLToJSON(archive.Files[0].Data)
	require.NoError(t, err)
	observed := txtar.Archive{Comment: archive.Comment, Files: []txtar.File{archive.Files[0]}}
	result, problems := Inject(decode(t, raw), s)
	if len(problems) > 0 {
		require.Empty(t, result.Patch, "a refused pod gets no patch")
		var lines []string
		for _, problem := range problems {
			lines = append(lines, problem.Error())
		}
		observed.Files = append(observed.Files, textFile("refused.txt", lines))
	} else {
		injected := apply(t, raw, result.Patch)
		again, problems := Inject(decode(t, injected), s)
		require.Empty(t, problems, "what was injected is accepted")
		require.Empty(t, again.Patch, "what was injected needs nothing more")
		out, err := yaml.JSONToYAML(injected)
		require.NoError(t, err)
		observed.Files = append(observed.Files, txtar.File{Name: "want.yaml", Data: out})
	}
	if len(result.Warnings) > 0 {
		observed.Files = append(observed.Files, textFile("warnings.txt", result.Warnings))
	}
	if *update {
		require.NoError(t, os.WriteFile(file, txtar.Format(&observed), 0o600))
	}
	require.Equal(t, string(txtar.Format(archive)), string(txtar.Format(&observed)), "run with -update after looking at the change")
}

func textFile(name string, lines []string) txtar.File {
	return txtar.File{Name: name, Data: []byte(strings.Join(lines, "\n") + "\n")}
}

func decode(t *testing.T, raw []byte) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	require.NoError(t, json.Unmarshal(raw, pod))
	return pod
}

// apply patches the document as the API server does, with the library that it uses.
func apply(t *testing.T, raw []byte, operations []Operation) []byte {
	t.Helper()
	if len(operations) == 0 {
		return raw
	}
	data, err := json.Marshal(operations)
	require.NoError(t, err)
	decoded, err := jsonpatch.DecodePatch(data)
	require.NoError(t, err)
	out, err := decoded.Apply(raw)
	require.NoError(t, err)
	return out
}
