package controller

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// apiServers is a cluster with these addresses of API servers, and no nodes.
type apiServers struct {
	client.Reader
	addresses []string
}

func (r apiServers) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	if slices, ok := list.(*discoveryv1.EndpointSliceList); ok {
		slices.Items = []discoveryv1.EndpointSlice{{Endpoints: []discoveryv1.Endpoint{{Addresses: r.addresses}}}}
	}
	return nil
}

func TestWhatIsNotReadYetHasAReasonOfItsOwn(t *testing.T) {
	to := func(cidr v1alpha1.CIDR) *v1alpha1.GuestPolicy {
		return &v1alpha1.GuestPolicy{ObjectMeta: metav1.ObjectMeta{Name: "pharma"}, Spec: v1alpha1.GuestPolicySpec{Network: &v1alpha1.Network{
			Egress: []v1alpha1.EgressRule{{To: []v1alpha1.Peer{{IPBlock: &v1alpha1.IPBlock{CIDR: cidr}}}}},
		}}}
	}
	for name, c := range map[string]struct {
		peersRead bool
		addresses []string
		policy    *v1alpha1.GuestPolicy
		unknown   []string
		missing   []string
		reason    string
		message   string
	}{
		"peers are not read":     {policy: to("10.9.0.0/24"), addresses: []string{"10.1.0.5"}, reason: "NotReadYet", message: "the networks of Liqo's peers have not been read"},
		"addresses are not read": {policy: to("10.9.0.0/24"), peersRead: true, reason: "NotReadYet", message: "the addresses of the API server are not known"},
		"both, and a kind":       {policy: to("10.9.0.0/24"), unknown: []string{"a kind"}, reason: "NotReadYet", message: "a kind. All else is in force"},
		"never opened":           {policy: to("10.1.0.5/32"), peersRead: true, addresses: []string{"10.1.0.5"}, reason: "NeverOpened", message: "10.1.0.5/32"},
		"an unknown kind":        {policy: to("10.9.0.0/24"), peersRead: true, addresses: []string{"10.1.0.5"}, unknown: []string{"a kind"}, reason: "UnknownKind", message: "a kind"},
		"an unknown class":       {policy: &v1alpha1.GuestPolicy{}, missing: []string{"a class"}, reason: "UnknownClass", message: "a class. All else is in force"},
		"no section network":     {policy: &v1alpha1.GuestPolicy{}, reason: "InForce"},
		"all is opened":          {policy: to("10.9.0.0/24"), peersRead: true, addresses: []string{"10.1.0.5"}, reason: "InForce"},
	} {
		t.Run(name, func(t *testing.T) {
			reader := apiServers{addresses: c.addresses}
			k := &guestKeeper{cluster: clusterReader{nodes: reader, own: reader, peers: &peers{allRead: c.peersRead}}}
			reason, closed, _ := k.closed(t.Context(), c.policy)
			got := accepted(c.unknown, c.missing, reason, closed)
			require.Equal(t, c.reason, got.Reason)
			require.Equal(t, c.reason == "InForce", got.Status == metav1.ConditionTrue)
			require.Contains(t, got.Message, c.message)
		})
	}
}

func TestALostLabelIsACondition(t *testing.T) {
	space := func(name string, annotations map[string]string) metav1.PartialObjectMetadata {
		return metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}}
	}
	lost := map[string]string{apis.AnnotationLabelLost: "any text"}
	names, none := sortedNames([]metav1.PartialObjectMetadata{space("b", nil), space("a", nil)})
	require.Equal(t, []string{"a", "b"}, names)
	require.Equal(t, metav1.ConditionTrue, intact(none).Status)

	_, some := sortedNames([]metav1.PartialObjectMetadata{space("b", lost), space("c", nil), space("a", lost)})
	c := intact(some)
	require.Equal(t, metav1.ConditionFalse, c.Status)
	require.Equal(t, "LabelLost", c.Reason)
	require.Contains(t, c.Message, "stay the guest's: a, b. Find out who changed it")

	var many []metav1.PartialObjectMetadata
	for i := range 1000 {
		many = append(many, space(fmt.Sprintf("space-%03d", i), lost))
	}
	_, all := sortedNames(many)
	require.Contains(t, intact(all).Message, "space-007 and 992 more")
	require.Less(t, len(intact(all).Message), 1000)
}
