package tolerations

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestWhichRunningPodsWouldBeRefusedNow(t *testing.T) {
	created := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	since := func(string) time.Time { return created }
	policy := New([]Taint{study(), {Name: "gpu", Key: "gpu"}})
	every := corev1.Toleration{Operator: corev1.TolerationOpExists}
	value := "study"
	for what, c := range map[string]struct {
		subject    Subject
		age        time.Duration
		toleration corev1.Toleration
		want       []string
	}{
		"older, by its value":                      {Subject{}, -time.Hour, equal("study", "NoSchedule"), []string{"study-nodes"}},
		"younger, by its value: it was admitted":   {Subject{}, time.Hour, equal("study", "NoSchedule"), nil},
		"younger, which no user may have":          {Subject{}, time.Hour, every, []string{"gpu", "study-nodes"}},
		"older, which no user may have":            {Subject{}, -time.Hour, every, []string{"gpu", "study-nodes"}},
		"another value":                            {Subject{}, -time.Hour, equal("other", ""), nil},
		"a guest's, younger":                       {Subject{Guest: "pharma"}, time.Hour, equal("study", ""), []string{"study-nodes"}},
		"a guest's, granted":                       {Subject{Guest: "pharma", Granted: []Grant{{Key: "reserved", Value: &value}}}, -time.Hour, equal("study", ""), nil},
		"what the API server gives to every pod":   {Subject{}, -time.Hour, corev1.Toleration{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: "NoExecute"}, nil},
		"a guest's, by the key, which none may do": {Subject{Guest: "pharma", Granted: []Grant{{Key: "gpu"}}}, -time.Hour, corev1.Toleration{Key: "gpu", Operator: "Exists"}, []string{"gpu"}},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(created.Add(c.age))}, Spec: corev1.PodSpec{Tolerations: []corev1.Toleration{c.toleration}}}
		require.Equal(t, c.want, policy.Running(c.subject, pod, since), what)
	}
}
