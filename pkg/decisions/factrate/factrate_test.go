package factrate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/factrate"
	"data-space.liqo.io/pkg/values/fact"
)

func limits() factrate.Limits {
	return factrate.Limits{Burst: 5, Every: time.Second, All: 100, Subjects: 50}
}

func of(pod string) fact.Fact {
	return fact.Fact{Kind: "FramesDropped", Subject: fact.Subject{Namespace: "n", Pod: pod}}
}

func TestAPodThatFloodsIsCountedAndTheOthersAreRecorded(t *testing.T) {
	l, now := factrate.New(limits()), time.Unix(1000, 0)
	recorded := 0
	for range 1000 {
		if l.Record(now, of("loud")) {
			recorded++
		}
	}
	require.Equal(t, 5, recorded)
	require.True(t, l.Record(now, of("quiet")))
	require.True(t, l.Record(now, fact.Fact{Kind: "Quarantined", Subject: of("loud").Subject}), "another kind of the same pod")
	require.True(t, l.Record(now.Add(time.Second), of("loud")), "one more each second")
	require.False(t, l.Record(now.Add(time.Second), of("loud")))
}

func TestWhatIsNotRecordedIsCountedOnce(t *testing.T) {
	l, now := factrate.New(limits()), time.Unix(1000, 0)
	for range 25 {
		l.Record(now, of("loud"))
	}
	f := of("loud")
	f.Count = 7
	l.Record(now, f)
	counted := l.Counted(now)
	require.Len(t, counted, 1)
	require.Equal(t, fact.FactsCounted, counted[0].Kind)
	require.EqualValues(t, 27, counted[0].Count)
	require.Equal(t, "FramesDropped", counted[0].Reason)
	require.Equal(t, "loud", counted[0].Subject.Pod)
	require.Empty(t, l.Counted(now))
}

func TestAFloodOfPodsIsBoundedInMemoryAndInLines(t *testing.T) {
	l, now := factrate.New(limits()), time.Unix(1000, 0)
	recorded := 0
	for i := range 100_000 {
		if l.Record(now, of(fmt.Sprint(i))) {
			recorded++
		}
	}
	require.LessOrEqual(t, recorded, 1000, "all together")
	counted := l.Counted(now)
	require.LessOrEqual(t, len(counted), 51)
	var total int64
	for _, c := range counted {
		total += c.Count
	}
	require.EqualValues(t, 100_000, total+int64(recorded), "each is recorded or counted")
	require.Empty(t, l.Counted(now.Add(time.Hour)))
	require.True(t, l.Record(now.Add(time.Hour), of("late")))
	require.True(t, l.Record(now.Add(time.Hour), of("another")), "pods of the past are forgotten")
}

func TestAGuestsFloodOfPodsDoesNotHideAnotherGuests(t *testing.T) {
	l, now := factrate.New(limits()), time.Unix(1000, 0)
	for i := range 200 {
		l.Record(now, fact.Fact{Kind: "FramesDropped", Subject: fact.Subject{Guest: "loud", Namespace: "n", Pod: fmt.Sprint(i)}})
	}
	now = now.Add(time.Second)
	quiet := fact.Fact{Kind: "FramesDropped", Subject: fact.Subject{Guest: "quiet", Namespace: "q", Pod: "p"}}
	require.True(t, l.Record(now, quiet), "its guest has a rate of its own")
	for range 20 {
		l.Record(now, quiet)
	}
	guests := map[string]int64{}
	for _, c := range l.Counted(now) {
		guests[c.Subject.Guest] += c.Count
	}
	require.Positive(t, guests["quiet"])
	require.Positive(t, guests["loud"])
	require.NotContains(t, guests, "")
}
