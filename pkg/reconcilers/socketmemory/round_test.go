package socketmemory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A tenant makes the sockets of many pods slow to list, and all their proxies are pressed.
func TestAProxyWaitsForOneLongListAtMost(t *testing.T) {
	const many = 50
	now := time.Unix(1000, 0)
	all := map[*watch]int{}
	for range many {
		w := &watch{}
		w.listed(now, now.Add(2*time.Second), 4*time.Second)
		all[w] = 0
	}
	other := &watch{}
	other.listed(now, now.Add(longList/2), longList)
	all[other] = 0
	rest := now.Add(2 * time.Second * (1 + restPart))
	for w := range all {
		require.Equal(t, w == other, (&round{}).lists(w, rest.Add(-1)), "a quarter of the time at most")
	}
	const rounds = 40 * many
	for range rounds {
		r, long := round{}, 0
		for w := range all { // in another order each time, as the Keeper does
			if !r.lists(w, rest) {
				continue
			}
			all[w]++
			if w != other {
				long++
			}
		}
		require.Equal(t, 1, long)
	}
	for w, lists := range all {
		require.Positive(t, lists, "each has its turn")
		require.Equal(t, w == other, lists == rounds)
	}
}

// A list that waits for a processor of a busy node takes long, and costs little.
func TestTheRestIsOfTheProcessorTime(t *testing.T) {
	now := time.Unix(1000, 0)
	w := &watch{}
	w.listed(now.Add(-4*time.Second), now, 10*time.Millisecond)
	require.False(t, (&round{}).lists(w, now.Add(restPart*10*time.Millisecond-1)))
	require.True(t, (&round{}).lists(w, now.Add(restPart*10*time.Millisecond)))

	had := processor()
	for began := time.Now(); processor() == had && time.Since(began) < 10*time.Second; {
	}
	require.Greater(t, processor(), had)
}
