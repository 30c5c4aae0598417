package guard_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"

	"data-space.liqo.io/pkg/decisions/guard"
	"data-space.liqo.io/pkg/values/apis"
)

// TestTheControllerClaimsWhatWitnessesShow walks each namespace's acts until none is left. The steps of a claim are: act, then the metadata it leads to.
func TestTheControllerClaimsWhatWitnessesShow(t *testing.T) {
	const label, tenant, mark, mapped, released = apis.LabelRemoteCluster, apis.LabelTenantNamespace, apis.LabelGuest, apis.AnnotationNamespaceMap, apis.AnnotationReleasedFrom
	type meta = map[string]string
	liqos := meta{mapped: "liqo-tenant-pharma/hospital"}
	for name, c := range map[string]struct {
		name                string
		labels, annotations meta
		bound               []string
		acts                string
		want                meta // labels at the end
		note                string
	}{
		"the Hospital's":                      {labels: meta{"a": "b"}, want: meta{"a": "b"}},
		"Liqo's tenant namespace":             {labels: meta{label: "pharma", tenant: "true"}, want: meta{label: "pharma", tenant: "true"}},
		"bound, but a tenant namespace":       {labels: meta{label: "pharma", tenant: "true"}, bound: []string{"pharma"}, want: meta{label: "pharma", tenant: "true"}},
		"new":                                 {labels: meta{label: "pharma"}, annotations: liqos, acts: "Mark", want: meta{label: "pharma", mark: "pharma"}},
		"new, without an id":                  {labels: meta{label: ""}, acts: "Mark", want: meta{label: "", mark: ""}},
		"at rest":                             {labels: meta{label: "pharma", mark: "pharma"}, want: meta{label: "pharma", mark: "pharma"}},
		"lost":                                {labels: meta{mark: "pharma"}, acts: "Restore", want: meta{label: "pharma", mark: "pharma"}, note: "label liqo.io/remote-cluster-id was missing; restored"},
		"changed":                             {labels: meta{label: "rival", mark: "pharma"}, bound: []string{"rival"}, acts: "Restore", want: meta{label: "pharma", mark: "pharma"}, note: `label liqo.io/remote-cluster-id was "rival"; restored`},
		"emptied":                             {labels: meta{label: "", mark: "pharma"}, acts: "Restore", want: meta{label: "pharma", mark: "pharma"}, note: `was ""`},
		"given an id that it had not":         {labels: meta{label: "rival", mark: ""}, acts: "Restore", want: meta{label: "", mark: ""}},
		"made a tenant namespace":             {labels: meta{label: "pharma", mark: "pharma", tenant: "true"}, acts: "Restore", want: meta{label: "pharma", mark: "pharma"}, note: "label liqo.io/tenant-namespace had been added"},
		"lost before it was marked":           {annotations: liqos, acts: "Mark Restore", want: meta{label: "pharma", mark: "pharma"}},
		"lost, the RoleBinding alone":         {bound: []string{"pharma"}, acts: "Mark Restore", want: meta{label: "pharma", mark: "pharma"}},
		"lost, a tenant namespace's own name": {annotations: meta{mapped: "ours/hospital"}, bound: []string{"pharma"}, acts: "Mark Restore", want: meta{label: "pharma", mark: "pharma"}},
		"exempted before it was marked":       {labels: meta{label: "pharma", tenant: "true"}, annotations: liqos, acts: "Mark Restore", want: meta{label: "pharma", mark: "pharma"}},
		"released":                            {labels: meta{label: "pharma", mark: "pharma", apis.LabelSuspended: "true"}, annotations: meta{mapped: "liqo-tenant-pharma/h", released: "pharma"}, bound: []string{"pharma"}, acts: "Free", want: meta{}, note: "has released the namespace"},
		"released from another":               {labels: meta{label: "pharma", mark: "pharma"}, annotations: meta{released: "rival"}, want: meta{label: "pharma", mark: "pharma"}},
		"released, and lost":                  {labels: meta{mark: "pharma"}, annotations: meta{released: "pharma"}, acts: "Free", want: meta{}},
		"released, and another's":             {labels: meta{mark: "pharma", label: "rival"}, annotations: meta{released: "pharma"}, acts: "Free Mark", want: meta{label: "rival", mark: "rival"}},
		"released earlier":                    {annotations: meta{mapped: "liqo-tenant-pharma/h", released: "pharma"}, bound: []string{"pharma"}, want: nil},
		"released earlier, labelled again":    {labels: meta{label: "pharma"}, annotations: meta{released: "pharma"}, acts: "Mark", want: meta{label: "pharma", mark: "pharma"}},
		"without an id, released":             {labels: meta{label: "", mark: ""}, annotations: meta{released: ""}, acts: "Free", want: meta{}},
		"kube-system":                         {name: "kube-system", labels: meta{label: "pharma"}, want: meta{label: "pharma"}},
		"ours":                                {name: apis.SystemNamespace, labels: meta{label: "pharma"}, want: meta{label: "pharma"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := guard.Witnesses{Name: c.name, Labels: c.labels, Annotations: c.annotations, Bound: c.bound}
			if w.Name == "" {
				w.Name = "study"
			}
			var acts []string
			var notes string
			for range 5 {
				claim := guard.ClaimOf(w)
				if claim.Act == guard.NoAct {
					break
				}
				metadata := claim.Patch("7")["metadata"].(map[string]any)
				require.Equal(t, "7", metadata["resourceVersion"])
				for part, value := range metadata {
					require.NotEmpty(t, value, "%s: null would remove all", part)
				}
				acts, notes = append(acts, string(claim.Act)), notes+claim.Note
				w.Labels, w.Annotations = merged(w.Labels, claim.Labels), merged(w.Annotations, claim.Annotations)
			}
			require.Equal(t, c.acts, strings.Join(acts, " "))
			require.Equal(t, c.want, w.Labels)
			require.Contains(t, notes, c.note)
			if strings.Contains(c.acts, "Restore") {
				require.Contains(t, notes, "kubectl annotate namespace study data-space.liqo.io/released-from="+w.Labels[mark])
				require.NotEmpty(t, w.Annotations[apis.AnnotationLabelLost])
			}
		})
	}
}

func merged(have map[string]string, patch map[string]any) map[string]string {
	if len(patch) == 0 {
		return have
	}
	out := map[string]string{}
	for k, v := range have {
		out[k] = v
	}
	for k, v := range patch {
		if text, set := v.(string); set {
			out[k] = text
		} else {
			delete(out, k)
		}
	}
	return out
}

func TestOnlyLiqosRoleForGuestsIsAWitness(t *testing.T) {
	binding := func(role string, subjects ...rbacv1.Subject) rbacv1.RoleBinding {
		return rbacv1.RoleBinding{RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}, Subjects: subjects}
	}
	group := func(name string) rbacv1.Subject { return rbacv1.Subject{Kind: rbacv1.GroupKind, Name: name} }
	require.Equal(t, []string{"pharma", "rival"}, guard.BoundGuests([]rbacv1.RoleBinding{
		binding(apis.RemoteClusterRole, group("rival"), group("pharma"), group("system:authenticated"), rbacv1.Subject{Kind: rbacv1.UserKind, Name: "alice"}, group("")),
		binding(apis.RemoteClusterRole, group("pharma")), binding("view", group("other")),
		{RoleRef: rbacv1.RoleRef{Kind: "Role", Name: apis.RemoteClusterRole}, Subjects: []rbacv1.Subject{group("forged")}},
	}))
	require.Empty(t, guard.BoundGuests(nil))
}
