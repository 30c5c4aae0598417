package controller

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/values/apis"
)

type silent struct{}

func (silent) Eventf(_, _ runtime.Object, _, _, _, _ string, _ ...any) {}

func TestMisnamedNamespacesAreCounted(t *testing.T) {
	r := newReporter(silent{}, slog.New(slog.DiscardHandler))
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(r.misnames))
	count := func() float64 {
		families, err := registry.Gather()
		require.NoError(t, err)
		return families[0].GetMetric()[0].GetGauge().GetValue()
	}
	space := func(name string, labels map[string]string) {
		r.name(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "1", Labels: labels}}, admit.SpaceNames{})
	}
	guest := map[string]string{apis.LabelRemoteCluster: "pharma"}
	for _, name := range []string{"svc", "svc", "example", "study-pharma"} {
		space(name, guest)
	}
	require.InDelta(t, 2, count(), 0)
	space("svc", nil)
	require.InDelta(t, 1, count(), 0)
	r.ending("example")
	require.InDelta(t, 0, count(), 0)
}
