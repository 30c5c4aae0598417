package hookcert

import (
	"slices"
	"testing"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const caName = "hook" + caSuffix

// made returns a CA as the rotator makes it at a time.
func made(t *testing.T, at time.Time, name string) []byte {
	t.Helper()
	maker := &rotator.CertRotator{CAName: name, CAOrganization: "data-spacer"}
	ca, err := maker.CreateCACert(at.Add(-madeBefore), at.Add(24*time.Hour))
	require.NoError(t, err)
	return ca.CertPEM
}

func TestAReplacedCAIsTrustedForAWhileBesideTheNewOne(t *testing.T) {
	now := time.Now()
	first, second, third := made(t, now.Add(-20*time.Hour), caName), made(t, now.Add(-time.Minute), caName), made(t, now, caName)
	foreign, expired := made(t, now, "another-ca"), made(t, now.Add(-25*time.Hour), caName)
	both := slices.Concat(third, second)
	for _, c := range []struct {
		name   string
		ca     []byte
		before [][]byte
		after  time.Duration
		want   []byte
	}{
		{"the first one", third, [][]byte{nil, nil}, 0, third},
		{"a replaced one", third, [][]byte{second, second}, 0, both},
		{"written again", third, [][]byte{both, both}, time.Minute, both},
		{"one that some of the webhooks have", third, [][]byte{third, nil, second}, 0, both},
		{"the newest of several", third, [][]byte{slices.Concat(first, second), first}, 0, both},
		{"after the while", third, [][]byte{both, both}, overlap + 10*time.Second, third},
		{"an older one that is back", first, [][]byte{second, second}, 0, first},
		{"another maker's", third, [][]byte{foreign, []byte("no certificate")}, 0, third},
		{"one that has expired", third, [][]byte{expired}, 0, third},
		{"no CA", []byte("no certificate"), [][]byte{second}, 0, nil},
	} {
		require.Equal(t, string(c.want), string(overlapped([][]byte{c.ca}, c.before, "hook", now.Add(c.after))), c.name)
	}
}

func TestEachWebhookOfAConfigurationGetsTheBundle(t *testing.T) {
	configuration := &unstructured.Unstructured{Object: map[string]any{"webhooks": []any{
		map[string]any{"name": "a", "clientConfig": map[string]any{"url": "https://a.example"}}, map[string]any{"name": "b"},
	}}}
	setBundles(configuration, []byte("bundle"))
	require.Equal(t, [][]byte{[]byte("bundle"), []byte("bundle")}, bundlesOf(configuration))
	url, _, err := unstructured.NestedString(configuration.Object["webhooks"].([]any)[0].(map[string]any), "clientConfig", "url")
	require.NoError(t, err)
	require.Equal(t, "https://a.example", url)
}

// TestACertificateOfANewCAIsServedOnceItIsTrusted by a clock of the test's own.
func TestACertificateOfANewCAIsServedOnceItIsTrusted(t *testing.T) {
	f, now := &certificateFile{}, time.Now()
	require.Equal(t, askAgain, f.settles("one", false, now))
	require.Equal(t, settling, f.settles("one", true, now))
	require.Equal(t, time.Second, f.settles("one", true, now.Add(settling-time.Second)))
	require.Equal(t, askAgain, f.settles("one", false, now.Add(settling)), "taken out again")
	require.Equal(t, settling, f.settles("one", true, now.Add(settling)), "it begins again")
	require.Equal(t, settling, f.settles("two", true, now.Add(2*settling)), "another one")
	require.Zero(t, f.settles("two", true, now.Add(3*settling)))
	require.False(t, f.servesOther(authorities(made(t, now, caName), "hook")[0], now), "no certificate is served yet")
}
