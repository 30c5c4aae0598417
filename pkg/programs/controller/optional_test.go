package controller

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"data-space.liqo.io/pkg/decisions/guestnet"
	"data-space.liqo.io/pkg/decisions/guestsettings"
)

// The kept part of Liqo's objects gives the same result as the whole, and is short.
func TestOfLiqosObjectsIsKeptWhatIsRead(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for _, text := range []string{
		`{"kind":"Tenant","metadata":{"name":"a","namespace":"b","resourceVersion":"7","annotations":{"x":"LONG"},"managedFields":[{"manager":"LONG"}]},
		  "spec":{"clusterID":"pharma","tenantCondition":"Drained","publicKey":"LONG"},"status":{"x":"LONG"}}`,
		`{"kind":"Tenant","metadata":{"name":"a"},"spec":{"clusterIdentity":{"clusterID":"pharma","clusterName":"LONG"}}}`,
		`{"kind":"Configuration","metadata":{"name":"a","labels":{"liqo.io/remote-cluster-id":"pharma","x":"LONG"}},"spec":{"x":"LONG"},
		  "status":{"remote":{"cidr":{"pod":["10.71.0.0/18"],"external":"10.72.0.0/18","x":"LONG"}}}}`,
		`{"kind":"Configuration","metadata":{"name":"a"},"spec":"LONG","status":{"remote":[]}}`,
	} {
		o := &unstructured.Unstructured{}
		require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(text, "LONG", long)), &o.Object))
		before := o.DeepCopy()
		for range 2 { // a cache may do it again
			_, err := slimOptional(o)
			require.NoError(t, err)
			require.Equal(t, guestsettings.TenantIn(before.Object), guestsettings.TenantIn(o.Object))
			require.Equal(t, guestnet.PeerIn(before.Object), guestnet.PeerIn(o.Object))
			require.Equal(t, []string{before.GetName(), before.GetNamespace(), before.GetResourceVersion()}, []string{o.GetName(), o.GetNamespace(), o.GetResourceVersion()})
			kept, err := json.Marshal(o.Object)
			require.NoError(t, err)
			require.Less(t, len(kept), 1000)
		}
	}
	node := &corev1.Node{}
	same, err := slimOptional(node)
	require.NoError(t, err)
	require.Same(t, node, same)
}
