package window

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

func TestAClassIsAskedForInTheVersionOfTheRequest(t *testing.T) {
	g := NewGuests(nil, []v1alpha1.GuestPolicy{policy("g", v1alpha1.Visibility{IngressClasses: []v1alpha1.VisibleObjects{{Names: []v1alpha1.VisibleName{"public"}}}})})
	for _, version := range []string{"v1", "v1beta1"} {
		for verb, name := range map[string]string{"list": "", "watch": "", "get": "public"} {
			v, err := g.Decide([]string{"g"}, Request{
				Method: "GET", Resource: true, Verb: verb, Kind: schema.GroupResource{Group: "networking.k8s.io", Resource: "ingressclasses"}, Version: version, Name: name,
			})
			require.NoError(t, err)
			require.Equal(t, Filter, v.Action)
			require.Equal(t, "/apis/networking.k8s.io/"+version+"/ingressclasses", v.Path)
		}
	}
}

func TestMetricsAreThoseOfVisibleNodes(t *testing.T) {
	g := NewGuests([]string{"none"}, []v1alpha1.GuestPolicy{policy("g", nodes(nil, "n1"))})
	metrics := func(method, verb, name string) Request {
		return Request{Method: method, Resource: true, Verb: verb, Kind: nodeMetrics(), Version: "v1beta1", Name: name}
	}
	for _, c := range []struct {
		guest  string
		r      Request
		action Action
	}{
		{"g", metrics("GET", "list", ""), Filter}, {"g", metrics("GET", "get", "n1"), Filter}, {"g", metrics("GET", "get", "n2"), Hide},
		{"g", metrics("GET", "watch", ""), Pass}, {"g", metrics("DELETE", "delete", "n1"), Pass}, {"none", metrics("GET", "list", ""), Pass},
	} {
		v, err := g.Decide([]string{c.guest}, c.r)
		require.NoError(t, err)
		require.Equal(t, c.action, v.Action, "%+v", c)
		require.Equal(t, c.action == Filter, v.NodeMetrics)
	}
	require.Contains(t, g.Rules([]string{"g"}), Rule{nodeMetrics(), []string{"get", "list"}})
	require.NotContains(t, g.Rules([]string{"none"}), Rule{nodeMetrics(), []string{"get", "list"}})
}
