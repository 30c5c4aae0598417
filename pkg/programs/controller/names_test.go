package controller

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestANameThatIsNotWantedAnyMoreFailsNoMore(t *testing.T) {
	n := newNames("", slog.New(slog.DiscardHandler))
	n.lookup = func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no server") }
	registry := prometheus.NewRegistry()
	registry.MustRegister(n.failing)
	failing := func() int {
		families, err := registry.Gather()
		require.NoError(t, err)
		return int(families[0].GetMetric()[0].GetGauge().GetValue())
	}
	n.update(t.Context(), []string{"a.example.org", "b.example.org"})
	require.Equal(t, 2, failing())
	n.update(t.Context(), []string{"a.example.org"})
	require.Equal(t, 1, failing())
	require.Zero(t, n.update(t.Context(), nil), "there is nothing to do")
	require.Zero(t, failing(), "no alert is left")
}
