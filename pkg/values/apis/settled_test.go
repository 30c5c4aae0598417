package apis_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/apis"
)

// TestALostLabelFreesNoNamespace: what each combination of labels and witnesses makes of a namespace.
func TestALostLabelFreesNoNamespace(t *testing.T) {
	const label, tenant, mark, optOut = apis.LabelRemoteCluster, apis.LabelTenantNamespace, apis.LabelGuest, apis.LabelApplyWebhook
	mapped := map[string]string{apis.AnnotationNamespaceMap: "liqo-tenant-pharma/hospital"}
	released := map[string]string{apis.AnnotationNamespaceMap: "liqo-tenant-pharma/hospital", apis.AnnotationReleasedFrom: "pharma"}
	for name, c := range map[string]struct {
		labels, annotations map[string]string
		foreign             bool
		guest               string
	}{
		"the Hospital's":                         {labels: map[string]string{"a": "b"}},
		"Liqo's tenant namespace":                {labels: map[string]string{label: "pharma", tenant: "true"}},
		"labelled and not marked yet":            {labels: map[string]string{label: "pharma"}, foreign: true, guest: "pharma"},
		"as the controller keeps it":             {labels: map[string]string{label: "pharma", mark: "pharma"}, foreign: true, guest: "pharma"},
		"label lost":                             {labels: map[string]string{mark: "pharma"}, foreign: true, guest: "pharma"},
		"label changed to another guest":         {labels: map[string]string{label: "rival", mark: "pharma"}, foreign: true, guest: "pharma"},
		"label emptied":                          {labels: map[string]string{label: "", mark: "pharma"}, foreign: true, guest: "pharma"},
		"made a tenant namespace":                {labels: map[string]string{label: "pharma", mark: "pharma", tenant: "true"}, foreign: true, guest: "pharma"},
		"label lost, made a tenant namespace":    {labels: map[string]string{mark: "pharma", tenant: ""}, foreign: true, guest: "pharma"},
		"label of a guest without id lost":       {labels: map[string]string{mark: ""}, foreign: true},
		"label lost before it was marked":        {annotations: mapped, foreign: true, guest: "pharma"},
		"tenant label added before it is marked": {labels: map[string]string{label: "pharma", tenant: "true"}, annotations: mapped, foreign: true, guest: "pharma"},
		"label differs from the annotation":      {labels: map[string]string{label: "rival"}, annotations: mapped, foreign: true, guest: "rival"},
		"tenant namespace of another name":       {annotations: map[string]string{apis.AnnotationNamespaceMap: "pharma/hospital"}, foreign: true},
		"annotation without a NamespaceMap":      {annotations: map[string]string{apis.AnnotationNamespaceMap: "x"}},
		"annotation of an impossible id":         {annotations: map[string]string{apis.AnnotationNamespaceMap: "liqo-tenant-" + strings.Repeat("x", 64) + "/h"}, foreign: true},
		"released, the label is gone":            {annotations: released},
		"released, the controller is down":       {labels: map[string]string{mark: "pharma"}, annotations: released, foreign: true, guest: "pharma"},
		"released, the label is there again":     {labels: map[string]string{label: "pharma"}, annotations: released, foreign: true, guest: "pharma"},
		"released, another guest's now":          {labels: map[string]string{label: "rival"}, annotations: released, foreign: true, guest: "rival"},
	} {
		t.Run(name, func(t *testing.T) {
			labels, annotations := maps.Clone(c.labels), maps.Clone(c.annotations)
			settled := apis.Settled(c.labels, c.annotations)
			require.Equal(t, c.foreign, apis.IsForeign(settled))
			require.Equal(t, c.foreign, apis.IsGuarded(settled))
			if c.foreign {
				require.Equal(t, c.guest, apis.Guest(settled))
			}
			require.Equal(t, []map[string]string{labels, annotations}, []map[string]string{c.labels, c.annotations}, "nothing is changed")
			require.Equal(t, settled, apis.Settled(settled, c.annotations), "once settled, it stays")
		})
	}
	settled := apis.Settled(map[string]string{mark: "pharma", optOut: "false", apis.LabelSuspended: "true"}, nil)
	require.True(t, apis.IsSuspended(settled), "Suspended holds while the label is lost")
	require.False(t, apis.IsGuarded(settled), "and so does the Hospital's own opt-out")
}
