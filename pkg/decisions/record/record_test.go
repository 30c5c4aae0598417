package record_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/record"
)

func TestLinesOfACRILogAreParsed(t *testing.T) {
	for line, want := range map[string]record.Piece{
		`2026-01-02T03:04:05.6Z stdout F {"a":1}`: {Time: "2026-01-02T03:04:05.6Z", Stream: "stdout", Content: []byte(`{"a":1}`)},
		`2026-01-02T03:04:05.6Z stderr P half`:    {Time: "2026-01-02T03:04:05.6Z", Stream: "stderr", Partial: true, Content: []byte("half")},
		`2026-01-02T03:04:05.6Z stdout F `:        {Time: "2026-01-02T03:04:05.6Z", Stream: "stdout", Content: []byte{}},
		`2026-01-02T03:04:05.6Z stdout F:x a b`:   {Time: "2026-01-02T03:04:05.6Z", Stream: "stdout", Content: []byte("a b")},
	} {
		got, err := record.ParseCRI([]byte(line))
		require.NoError(t, err, line)
		require.Equal(t, want, got, line)
	}
	for _, line := range []string{"", "x", "{}", "t stdout", "t stdout X y", "t nowhere F y", " stdout F y", "\"t\" stdout F y", strings.Repeat("t", 41) + " stdout F y"} {
		_, err := record.ParseCRI([]byte(line))
		require.ErrorIs(t, err, record.ErrFormat, "%q", line)
	}
}

func FuzzALineIsOneEntryOnOneLine(f *testing.F) {
	f.Add([]byte(`{"path":"/"}`), "t", int64(0))
	f.Add([]byte("{\"a\":\n1}"), "t", int64(0))
	f.Add([]byte("{}\u2028{\"gap\":{}}"), "t", int64(3))
	f.Fuzz(func(t *testing.T, content []byte, stamp string, cut int64) {
		line, err := record.Line(record.Source{Guest: "g"}, record.Position{File: "0"}, record.Piece{Time: stamp, Content: content}, cut).Encode()
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(string(line), "\n"))
		var e record.Entry
		require.NoError(t, json.Unmarshal(line, &e))
		require.Equal(t, "g", e.Source.Guest)
		require.Nil(t, e.Gap)
	})
}

func TestABudgetFillsWithTimeUpToItsBurst(t *testing.T) {
	now := time.Unix(0, 0)
	b := record.Budget{Rate: 10, Burst: 100}
	require.EqualValues(t, 100, b.Left(now))
	b.Take(130)
	require.Zero(t, b.Left(now))
	require.EqualValues(t, 20, b.Left(now.Add(5*time.Second)))
	require.EqualValues(t, 100, b.Left(now.Add(time.Hour)))
	require.EqualValues(t, 100, b.Left(now), "a clock that jumps back takes nothing away")
}

func TestTheOldestSegmentsGoFirstAndTheNewestStays(t *testing.T) {
	all := []record.Segment{{Name: "1", Size: 10}, {Name: "2", Size: 10}, {Name: "3", Size: 10}}
	require.Empty(t, record.Excess(all, 30))
	require.Equal(t, all[:1], record.Excess(all, 29))
	require.Equal(t, all[:2], record.Excess(all, 0))
	require.Empty(t, record.Excess(nil, 0))
}

func TestOnlyWhatIsTooFarBehindIsSkipped(t *testing.T) {
	to, skip := record.Skip(0, 100, 100)
	require.False(t, skip)
	require.Zero(t, to)
	to, skip = record.Skip(10, 200, 100)
	require.True(t, skip)
	require.EqualValues(t, 150, to)
}

func TestOfTheProxysOwnLogWhoConnectedAndWhereToIsKept(t *testing.T) {
	for text, chatter := range map[string]bool{
		`{"event":"connection","level":"debug","text":"[Tags: \"ConnectionId\":\"2\"] connecting to 192.0.2.3:9"}`:         false,
		`{"event":"conn_handler","level":"debug","text":"[Tags: \"ConnectionId\":\"0\"] new connection from 192.0.2.3:5"}`: false,
		`{"event":"connection","level":"debug","text":"[Tags: \"ConnectionId\":\"2\"] remote close"}`:                      true,
		`{"event":"misc","level":"warning","text":"a warning"}`:                                                            false,
		`{"event":"Begin","path":"/"}`: false,
		`{"event":"config","level":"debug","text":"Created the filter state 'begin' from value '0.1\nx'"}`:                false,
		`{"event":"config","level":"debug","text":"add active listener: name=l"}`:                                         true,
		`{"event":"forward_proxy","level":"debug","text":"host 'h:80' address has changed from <empty> to 192.0.2.9:80"}`: false,
		`{"event":"forward_proxy","level":"debug","text":"thread local lookup for host 'h:80' "}`:                         true,
		`{"event":"config","level":"warning","text":"a warning"}`:                                                         false,
		`a text`: false,
	} {
		e := record.Line(record.Source{}, record.Position{}, record.Piece{Content: []byte(text)}, 0)
		require.Equal(t, chatter, record.Chatter(e), text)
	}
}
