package facts

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/fact"
)

func TestAWitnessThatIsAwayForAnHourIsOneFactAndSoIsItsReturn(t *testing.T) {
	e := New(Config{Folder: t.TempDir(), Log: slog.New(slog.DiscardHandler)}, prometheus.NewRegistry())
	w, now, gone := &Witness{}, time.Now(), errors.New("connection refused")
	for minute := range 180 {
		err := gone
		if minute < 10 || minute == 150 {
			err = nil
		}
		e.reportAway(w, now.Add(time.Duration(minute)*time.Minute), err)
	}
	var kinds []fact.Kind
	for len(e.in) > 0 {
		kinds = append(kinds, (<-e.in).Kind)
	}
	require.Equal(t, []fact.Kind{fact.WitnessAway, fact.WitnessBack}, kinds)
}
