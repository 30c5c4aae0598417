package workloads

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
