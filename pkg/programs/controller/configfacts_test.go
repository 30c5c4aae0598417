package controller

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

type emitted []fact.Fact

func (e *emitted) Emit(f fact.Fact) { *e = append(*e, f) }

// onePolicy reads one GuestPolicy. If policy is nil, it does not exist.
type onePolicy struct {
	client.Reader
	policy *v1alpha1.GuestPolicy
}

func (o *onePolicy) Get(_ context.Context, key client.ObjectKey, to client.Object, _ ...client.GetOption) error {
	if found, ok := to.(*v1alpha1.GuestPolicy); ok && o.policy != nil {
		o.policy.DeepCopyInto(found)
		return nil
	}
	return apierrors.NewNotFound(schema.GroupResource{Resource: "guestpolicies"}, key.Name)
}

func TestEachChangeOfAGuestPolicyIsOneFactWithItsHash(t *testing.T) {
	api := &onePolicy{policy: &v1alpha1.GuestPolicy{ObjectMeta: metav1.ObjectMeta{Name: "pharma"}}}
	var facts emitted
	r := guestPolicyFacts(&facts)
	r.reader = api
	look := func() {
		for range 2 { // the second finds nothing new
			_, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Name: "pharma"}})
			require.NoError(t, err)
		}
	}
	look()
	require.Len(t, facts, 1)
	require.Equal(t, fact.GuestPolicySet, facts[0].Kind)
	require.Equal(t, "pharma", facts[0].Subject.Guest)
	require.Len(t, facts[0].Details["hash"], 64)

	api.policy.Labels = map[string]string{"a": "b"}
	look()
	require.Len(t, facts, 1, "the content is the same")

	api.policy.Spec.State = v1alpha1.Suspended
	look()
	require.Len(t, facts, 2)
	require.Equal(t, facts[0].Details["hash"], facts[1].Details["before"])

	api.policy = nil
	look()
	require.Len(t, facts, 3)
	require.Equal(t, reasonDeleted, facts[2].Reason)
	require.Equal(t, facts[1].Details["hash"], facts[2].Details["before"])
}
