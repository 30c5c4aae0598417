package factlog_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/values/fact"
)

// clock is a clock that can be set: passed is the time that passes, set what the facts that are written have on top of it.
type clock struct {
	began       time.Time
	passed, set time.Duration
}

func (c *clock) options() factlog.Options {
	o := options()
	o.Now = func() time.Time { return c.began.Add(c.passed) } // as time.Now, whose differences are those of the time that passed
	return o
}

func (c *clock) append(t *testing.T, l *factlog.Log, passed time.Duration) {
	t.Helper()
	c.passed += passed
	f := facts(1)
	f[0].Time = c.began.Round(0).Add(c.passed + c.set)
	_, err := l.Append(f)
	require.NoError(t, err)
}

func segments(t *testing.T, folder string) int {
	t.Helper()
	all, err := factlog.Folder(folder).Segments()
	require.NoError(t, err)
	return len(all)
}

const year = 365 * 24 * time.Hour

// A segment is as old as the time that passed since it began, also if the clock was set meanwhile, and a log that is opened again is continued.
func TestASegmentIsFollowedByAnotherWhenItIsOldWhateverTheClockShows(t *testing.T) {
	for name, set := range map[string]time.Duration{"not set": 0, "an hour back": -time.Hour, "a year forward": year, "1970": -time.Since(time.Unix(0, 0))} {
		t.Run(name, func(t *testing.T) {
			folder, c := t.TempDir(), &clock{began: time.Now()}
			l := open(t, folder, c.options())
			c.append(t, l, 0)
			c.set = set
			c.append(t, l, time.Minute)
			require.Equal(t, 1, segments(t, folder), "the clock alone ends no segment")
			c.append(t, l, 2*time.Hour)
			require.Equal(t, 2, segments(t, folder))
			require.NoError(t, l.Close())

			c.began = time.Now().Add(c.passed + c.set) // another agent knows only what the clock shows
			c.passed, c.set = 0, 0
			l = open(t, folder, c.options())
			c.append(t, l, time.Minute)
			require.Equal(t, 2, segments(t, folder))
			c.append(t, l, 2*time.Hour)
			require.Equal(t, 3, segments(t, folder))
			c.set = -set
			c.append(t, l, 2*time.Hour)
			require.Equal(t, 4, segments(t, folder))
			require.NoError(t, l.Close())

			l = open(t, folder, options()) // the clock is right again
			_, err := l.Append(facts(1))
			require.NoError(t, err)
			require.NoError(t, l.Close())
			require.Empty(t, audit(t, factlog.Folder(folder)))
			var index int64
			require.NoError(t, factlog.Folder(folder).Lines(0, func(i int64, _ []byte) error {
				require.Equal(t, index, i)
				index++
				return nil
			}))
			require.Equal(t, int64(8), index, "each line is there")
		})
	}
}

// The clock is set forward and back within a segment, also while no agent runs: who asks from a time on gets each line that has a later time.
func TestALineIsFoundByItsTimeAfterTheClockWasSetBack(t *testing.T) {
	for _, again := range []bool{false, true} {
		folder, c := t.TempDir(), &clock{began: time.Now()}
		l := open(t, folder, c.options())
		c.append(t, l, 0)
		for range 3 {
			c.set = time.Hour
			c.append(t, l, time.Second)
			c.set = 0
			c.append(t, l, time.Second)
			if again {
				require.NoError(t, l.Close())
				l = open(t, folder, c.options())
			}
			c.append(t, l, 2*time.Hour) // another segment
		}
		require.Equal(t, 4, segments(t, folder))
		for _, since := range []time.Duration{0, 30 * time.Minute, 150 * time.Minute, 270 * time.Minute, 10 * time.Hour} {
			from, err := factlog.Folder(folder).From(c.began.Add(since))
			require.NoError(t, err)
			require.NoError(t, factlog.Folder(folder).Lines(0, func(index int64, line []byte) error {
				f, err := fact.Decode(line)
				require.NoError(t, err)
				require.False(t, index < from && f.Time.After(c.began.Add(since)), "line %d of %s is left out by --since %s, which begins at line %d", index, f.Time, since, from)
				return nil
			}))
		}
		require.NoError(t, l.Close())
	}
}
