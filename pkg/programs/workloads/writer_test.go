package workloads

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func policyOf(version string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{ResourceVersion: version, UID: "u"}}
}

func TestACacheThatIsBehindIsNotTakenForADeletion(t *testing.T) {
	key := client.ObjectKey{Namespace: "a", Name: "p"}
	type have = map[client.ObjectKey]*networkingv1.NetworkPolicy
	w := &writer{stored: map[client.ObjectKey]storedPolicy{}, taken: map[client.ObjectKey]time.Time{}}
	w.note(key, policyOf("9"))

	got, behind := w.latest(have{})
	require.True(t, behind)
	require.Equal(t, "9", got[key].ResourceVersion, "created a moment ago, and the cache has not seen it")
	got, behind = w.latest(have{key: policyOf("8")})
	require.True(t, behind)
	require.Equal(t, "9", got[key].ResourceVersion, "the cache has an older one; 9 is older than 10, as numbers are")
	got, behind = w.latest(have{key: policyOf("10")})
	require.False(t, behind)
	require.Equal(t, "10", got[key].ResourceVersion, "somebody changed it")
	got, behind = w.latest(have{})
	require.False(t, behind)
	require.Empty(t, got, "the cache had it: somebody deleted it")

	w.stored[key] = storedPolicy{uid: "u", at: time.Now()}
	got, behind = w.latest(have{key: policyOf("10")})
	require.True(t, behind)
	require.Empty(t, got, "deleted by us, and the cache still has it")
	w.stored[key] = storedPolicy{policy: policyOf("9"), at: time.Now().Add(-2 * lagLimit)}
	got, behind = w.latest(have{})
	require.False(t, behind)
	require.Empty(t, got, "no cache is that far behind")
	w.forget(nil)
	require.Empty(t, w.stored)
}

func TestTheTextOfAnEventIsBounded(t *testing.T) {
	var many []string
	for range 100 {
		many = append(many, strings.Repeat("x", 200))
	}
	require.Less(t, len(note(many)), 1024)
	require.Regexp(t, "; and 96 more$", note(many))
	require.Len(t, note([]string{strings.Repeat("x", 5000)}), noteLimit)
	require.Equal(t, "a; b", note([]string{"a", "b"}))
}

func TestOfAPodIsKeptWhatDecides(t *testing.T) {
	pod := func(version, node, ip string, owner bool) *corev1.Pod {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "p", ResourceVersion: version, Annotations: map[string]string{"big": "x"}},
			Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "c", Image: "i", Env: []corev1.EnvVar{{Name: "A"}}}}},
			Status:     corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: ip}}, Message: node},
		}
		if owner {
			p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "r", Controller: new(true)}}
		}
		kept, err := slim(p)
		require.NoError(t, err)
		return kept.(*corev1.Pod)
	}
	require.True(t, same(pod("1", "a", "192.0.2.1", false), pod("2", "b", "192.0.2.1", false)), "what changes all the time asks for no round")
	require.False(t, same(pod("1", "a", "192.0.2.1", false), pod("2", "a", "192.0.2.2", false)))
	require.Len(t, pod("1", "a", "192.0.2.1", false).Spec.Containers[0].Env, 1)
	require.Empty(t, pod("1", "a", "192.0.2.1", true).Spec.Containers[0].Env, "its owner has them")
	require.Empty(t, pod("1", "a", "192.0.2.1", true).Annotations)
}

func TestRoundsTakeAQuarterOfACore(t *testing.T) {
	p, now := &pace{}, time.Now()
	require.Equal(t, leastDelay, p.delay(now))
	p.took(now, time.Second)
	require.Equal(t, 3*time.Second, p.delay(now))
	require.Equal(t, time.Second, p.delay(now.Add(2*time.Second)))
	require.Equal(t, leastDelay, p.delay(now.Add(time.Minute)), "after a rest")
	p.took(now, time.Minute)
	require.Equal(t, mostDelay, p.delay(now))
}
