package admit

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"data-space.liqo.io/test/golden"
)

var update = flag.Bool("update", false, "write the goldens in testdata anew")

// TestGoldens runs every testdata file: pod.yaml in, the refusals out (refused.txt; empty when the pod passes). Where the
// comment holds the word restricted, that is the level.
func TestGoldens(t *testing.T) {
	golden.Each(t, archived)
}

func archived(t *testing.T, file string, archive *txtar.Archive) {
	t.Helper()
	require.Equal(t, "pod.yaml", archive.Files[0].Name)
	s := Settings{RuntimeClasses: []string{"granted"}, Devices: []string{"vendor.example/granted"}, Tolerations: []string{"karpenter.sh/granted"}}
	if strings.Contains(string(archive.Comment), "restricted") {
		s.PodSecurity = Restricted
	}
	pod := decode(t, archive.Files[0].Data)
	problems := Pod(&pod.ObjectMeta, &pod.Spec, s, field.NewPath("spec"))
	lines := ""
	for _, problem := range problems {
		lines += problem.Error() + "\n"
	}
	observed := txtar.Archive{Comment: archive.Comment, Files: []txtar.File{archive.Files[0], {Name: "refused.txt", Data: []byte(lines)}}}
	if *update {
		require.NoError(t, os.WriteFile(file, txtar.Format(&observed), 0o600))
	}
	require.Equal(t, string(txtar.Format(archive)), string(txtar.Format(&observed)), "run with -update after looking at the change")
}

func decode(t *testing.T, text []byte) *corev1.Pod {
	t.Helper()
	raw, err := yaml.YAMLToJSONStrict(text)
	require.NoError(t, err)
	pod := &corev1.Pod{}
	require.NoError(t, json.Unmarshal(raw, pod))
	return pod
}
