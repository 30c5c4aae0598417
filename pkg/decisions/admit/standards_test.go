package admit

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"data-space.liqo.io/pkg/values/apis"
)

func TestEveryRuleOfTheStandardsIsKnown(t *testing.T) {
	var known, all []policy.CheckID
	for _, a := range advices() {
		known = append(known, a.id)
	}
	for _, c := range policy.DefaultChecks() {
		all = append(all, c.ID)
	}
	require.ElementsMatch(t, all, known)
	require.Contains(t, adviceOn("newer").wayOut, "Pod Security Standards")
}

// TestNothingThatTheStandardsRefuseIsLetIn asks the library about whole pods, as the API server's own admission does: all
// pods of the goldens, at both levels, with the containers' security settings exchanged among them.
func TestNothingThatTheStandardsRefuseIsLetIn(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	require.NoError(t, err)
	pods := goldenPods(t)
	refused := map[Level]int{}
	for level, at := range map[Level]psa.Level{Baseline: psa.LevelBaseline, Restricted: psa.LevelRestricted} {
		for _, pod := range pods {
			for _, other := range pods {
				mixed := pod.DeepCopy()
				mixed.Spec.Containers[0].SecurityContext = other.Spec.Containers[0].SecurityContext
				mixed.Spec.InitContainers = slices.DeleteFunc(mixed.Spec.InitContainers, func(c corev1.Container) bool {
					return c.Name == apis.ProxyContainerName // Package inject's to judge.
				})
				answers := evaluator.EvaluatePod(psa.LevelVersion{Level: at, Version: psa.LatestVersion()}, &mixed.ObjectMeta, &mixed.Spec)
				ours := Pod(&mixed.ObjectMeta, &mixed.Spec, Settings{PodSecurity: level}, field.NewPath("spec"))
				if !policy.AggregateCheckResults(answers).Allowed {
					require.NotEmpty(t, ours, "%s with the containers of another, at %s: %v", pod.Name, level, answers)
					refused[level]++
				}
			}
		}
	}
	require.Greater(t, refused[Baseline], 50)
	require.Greater(t, refused[Restricted], refused[Baseline])
}

func goldenPods(t *testing.T) []*corev1.Pod {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	var pods []*corev1.Pod
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		pods = append(pods, decode(t, txtar.Parse(text).Files[0].Data))
	}
	return pods
}

func TestAnAddedEphemeralContainerIsJudgedAndOldOnesAreNot(t *testing.T) {
	bad := func(name string) corev1.EphemeralContainer {
		yes := true
		return corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: name, SecurityContext: &corev1.SecurityContext{Privileged: &yes},
		}}
	}
	before := &corev1.Pod{Spec: corev1.PodSpec{HostNetwork: true, EphemeralContainers: []corev1.EphemeralContainer{bad("old")}}}
	now := before.DeepCopy()
	require.Empty(t, EphemeralContainers(now, before, Settings{}))
	now.Spec.EphemeralContainers = append(now.Spec.EphemeralContainers, bad("new"))
	now.Spec.EphemeralContainers[1].TargetContainerName = "data-space-proxy"
	require.Equal(t, []string{
		"spec.ephemeralContainers[1].targetContainerName", "spec.ephemeralContainers[1].securityContext.privileged",
	}, fields(EphemeralContainers(now, before, Settings{})))
}

func fields(problems field.ErrorList) []string {
	var all []string
	for _, problem := range problems {
		all = append(all, problem.Field)
	}
	return all
}

func TestOnlyMetadataThatIsLookedAtCountsAsChanged(t *testing.T) {
	require.Equal(t, map[string]string{
		"label data-space/x": "1", "annotation cilium.io/x": "2", "annotation container.apparmor.security.beta.kubernetes.io/app": "3",
	}, JudgedMetadata(&metav1.ObjectMeta{
		Labels:      map[string]string{"data-space/x": "1", "app": "pharma"},
		Annotations: map[string]string{"cilium.io/x": "2", "container.apparmor.security.beta.kubernetes.io/app": "3", "liqo.io/x": "4"},
	}))
}
