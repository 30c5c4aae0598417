package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// stored is a set of GuestPolicies, or the error of whoever reads one.
type stored struct {
	specs map[string]v1alpha1.GuestPolicySpec
	err   error
}

func (s *stored) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	spec, found := s.specs[key.Name]
	switch {
	case s.err != nil:
		return s.err
	case !found:
		return apierrors.NewNotFound(schema.GroupResource{Resource: "guestpolicies"}, key.Name)
	}
	into.(*v1alpha1.GuestPolicy).Spec = spec
	return nil
}

func (*stored) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("not asked")
}

func withPolicies(s *stored) (*judge, *injector) {
	j, i := judging(), handler()
	j.guests.policies, i.guests.policies = s, s
	return j, i
}

func TestWhatHoldsForAGuestIsLookedUpAtEachRequest(t *testing.T) {
	policies := &stored{specs: map[string]v1alpha1.GuestPolicySpec{}}
	judge, injector := withPolicies(policies)
	ingress := asked(admissionv1.Create, "networking.k8s.io/ingresses", `{"metadata":{"name":"app"},"spec":{"ingressClassName":"nginx"}}`, "")
	exec := asked(admissionv1.Connect, "/pods/exec", `{"container":"app"}`, "")
	pod := creation("pharma", `{"metadata":{"name":"app"},"spec":{"containers":[{"name":"app"}]}}`)
	expect := func(when string, ingressAllowed, execAllowed, podAllowed bool) {
		require.Equal(t, ingressAllowed, judge.Handle(t.Context(), ingress).Allowed, when)
		require.Equal(t, execAllowed, judge.Handle(t.Context(), exec).Allowed, when)
		require.Equal(t, podAllowed, injector.Handle(t.Context(), pod).Allowed, when)
	}
	expect("no GuestPolicy: the flags hold", false, true, true)
	policies.specs["default"] = v1alpha1.GuestPolicySpec{Workload: &v1alpha1.Workload{IngressClasses: []v1alpha1.ObjectName{"nginx"}, Exec: v1alpha1.Denied}}
	expect("the default's hold for each guest", true, false, true)
	policies.specs["pharma"] = v1alpha1.GuestPolicySpec{Workload: &v1alpha1.Workload{IngressClasses: []v1alpha1.ObjectName{}, PodSecurity: "restricted"}}
	expect("its own are before the default's, field by field", false, false, false)
	policies.specs["pharma"] = v1alpha1.GuestPolicySpec{Workload: &v1alpha1.Workload{Exec: v1alpha1.Allowed}}
	expect("without a restart", true, true, true)
	policies.specs["pharma"] = v1alpha1.GuestPolicySpec{State: v1alpha1.Suspended}
	expect("suspended", true, false, false)
	policies.specs["pharma"] = v1alpha1.GuestPolicySpec{State: v1alpha1.Active, Workload: &v1alpha1.Workload{Exec: v1alpha1.Allowed}}
	expect("and active again", true, true, true)
	policies.specs["other"] = v1alpha1.GuestPolicySpec{State: v1alpha1.Suspended}
	expect("another guest's is another guest's", true, true, true)
}

func TestANamespaceThatIsMarkedIsSuspendedWhateverItsPolicySays(t *testing.T) {
	judge, injector := withPolicies(&stored{specs: map[string]v1alpha1.GuestPolicySpec{"pharma": {State: v1alpha1.Active}}})
	marked := known{"pharma": {apis.LabelRemoteCluster: "pharma", apis.LabelSuspended: "true"}}
	judge.namespaces, injector.namespaces = marked, marked
	require.False(t, judge.Handle(t.Context(), asked(admissionv1.Connect, "/pods/exec", `{"container":"app"}`, "")).Allowed)
	response := injector.Handle(t.Context(), creation("pharma", plainPod))
	require.False(t, response.Allowed)
	require.Contains(t, response.Result.Message, `guest "pharma" is suspended`)
}

func TestModeAuditAdmitsAndWarns(t *testing.T) {
	judge, injector := withPolicies(&stored{specs: map[string]v1alpha1.GuestPolicySpec{
		"pharma": {Workload: &v1alpha1.Workload{Mode: v1alpha1.Audit, PodSecurity: "restricted", Exec: v1alpha1.Denied}},
	}})
	for _, request := range []admission.Request{
		asked(admissionv1.Create, "networking.k8s.io/ingresses", `{"metadata":{"name":"app"}}`, ""),
		asked(admissionv1.Create, "/services", `{"metadata":{"name":"app"},"spec":{"type":"NodePort"}}`, ""),
		asked(admissionv1.Connect, "/pods/exec", `{"container":"app"}`, ""),
		asked(admissionv1.Create, liqoGroup+"/shadowpods", `{"metadata":{"name":"app"},"spec":{"pod":{"containers":[{"name":"app"}]}}}`, ""),
	} {
		response := judge.Handle(t.Context(), request)
		require.True(t, response.Allowed, "%s: %v", about(request), response.Result)
		require.NotEmpty(t, response.Warnings, about(request))
		require.Contains(t, response.Warnings[0], "admitted, since the section workload of the guest's GuestPolicy is in mode Audit")
	}
	response := injector.Handle(t.Context(), creation("pharma", `{"metadata":{"name":"app"},"spec":{"containers":[{"name":"app"}]}}`))
	require.True(t, response.Allowed)
	require.NotEmpty(t, response.Patch, "its proxy is injected")

	for _, request := range []admission.Request{
		asked(admissionv1.Create, "/services", `{"metadata":{"name":"app"},"spec":{"type":"NodePort","externalIPs":["203.0.113.9"]}}`, ""),
		asked(admissionv1.Connect, "/pods/exec", `{"container":"data-space-proxy"}`, ""),
		asked(admissionv1.Create, liqoGroup+"/shadowpods", `{"metadata":{"name":"app"},"spec":{"pod":{"hostNetwork":true}}}`, ""),
	} {
		require.False(t, judge.Handle(t.Context(), request).Allowed, about(request))
	}
	require.False(t, injector.Handle(t.Context(), creation("pharma", `{"spec":{"hostNetwork":true,"containers":[{"name":"app"}]}}`)).Allowed)
}

func TestAGuestWhosePolicyCannotBeReadGetsNothingThatAnySettingsRefuse(t *testing.T) {
	judge, injector := withPolicies(&stored{err: errors.New("no answer")})
	response := judge.Handle(t.Context(), asked(admissionv1.Connect, "/pods/exec", `{"container":"app"}`, ""))
	require.Equal(t, int32(http.StatusInternalServerError), response.Result.Code)
	require.Contains(t, response.Result.Message, `cannot read GuestPolicy "default": no answer; try again`)
	require.Equal(t, int32(http.StatusInternalServerError), injector.Handle(t.Context(), creation("pharma", `{}`)).Result.Code)
	require.True(t, judge.Handle(t.Context(), asked(admissionv1.Create, "/services", `{"metadata":{"name":"app"}}`, "")).Allowed)
	require.True(t, judge.Handle(t.Context(), asked(admissionv1.Delete, "/pods", "", `{}`)).Allowed)
}

func TestWhatHoldsIsPreparedWhenAPolicyChanges(t *testing.T) {
	made, kept := 0, &prepared{}
	prepare := func(guest string, _, own v1alpha1.GuestPolicySpec) holding {
		made++
		return holding{settings: admit.Settings{SuspendedGuest: guest + string(own.State)}}
	}
	policy := func(uid, resource string, state v1alpha1.State) *v1alpha1.GuestPolicy {
		return &v1alpha1.GuestPolicy{ObjectMeta: metav1.ObjectMeta{UID: types.UID(uid), ResourceVersion: resource}, Spec: v1alpha1.GuestPolicySpec{State: state}}
	}
	none := &v1alpha1.GuestPolicy{}
	for _, c := range []struct {
		guest     string
		base, own *v1alpha1.GuestPolicy
		want      string
		made      int
	}{
		{"a", none, none, "a", 1},
		{"a", none, none, "a", 1},
		{"a", none, policy("1", "7", v1alpha1.Suspended), "aSuspended", 2},
		{"a", none, policy("1", "7", v1alpha1.Suspended), "aSuspended", 2},
		{"b", none, none, "b", 3},
		{"a", none, policy("1", "8", v1alpha1.Active), "aActive", 4},
		{"a", policy("2", "8", ""), policy("1", "8", v1alpha1.Active), "aActive", 5},
		{"a", policy("2", "8", ""), policy("3", "8", v1alpha1.Suspended), "aSuspended", 6}, // deleted and created again
		{"a", none, none, "a", 7},
	} {
		require.Equal(t, c.want, kept.of(c.guest, c.base, c.own, prepare).settings.SuspendedGuest)
		require.Equal(t, c.made, made)
	}
	for i := range 2 * maxPrepared {
		kept.of(fmt.Sprint(i), none, none, prepare)
		require.LessOrEqual(t, len(kept.kept), maxPrepared)
	}
}
