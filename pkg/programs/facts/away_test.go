package facts

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/fact"
)

// nodeEvents are the reasons of Events on the node.
type nodeEvents []string

func (e *nodeEvents) Normal(string, string, string, string, string)  {}
func (e *nodeEvents) Warning(string, string, string, string, string) {}
func (e *nodeEvents) OnNode(reason, _ string)                        { *e = append(*e, reason) }

func TestAWitnessThatIsAwayForAnHourIsOneFactAndSoIsItsReturn(t *testing.T) {
	e := New(Config{Folder: t.TempDir(), Log: slog.New(slog.DiscardHandler)}, prometheus.NewRegistry())
	var written nodeEvents
	e.Reporting(&written, func(string) string { return "" })
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
	require.Equal(t, nodeEvents{"WitnessAway"}, written)
}

// Each fact makes the log grow, and the text of a refusal has its size.
func TestALogThatIsRefusedIsReportedOnceUntilItIsCosigned(t *testing.T) {
	e := New(Config{Folder: t.TempDir(), Log: slog.New(slog.DiscardHandler)}, prometheus.NewRegistry())
	var written nodeEvents
	e.Reporting(&written, func(string) string { return "" })
	w := &Witness{}
	for size := range int64(20) {
		err := fmt.Errorf("%w: it knows 40 lines, this log has %d", errRefused, size)
		if size == 10 {
			err = nil
		}
		e.reportWitness(w, translog.Checkpoint{Tree: tlog.Tree{N: size}}, err)
		known, _ := e.witnessed.Load("")
		require.Equal(t, err != nil, known.(agentapi.Witnessed).Refused)
	}
	require.Len(t, e.in, 2)
	require.Equal(t, nodeEvents{"WitnessRefused", "WitnessRefused"}, written)
}
