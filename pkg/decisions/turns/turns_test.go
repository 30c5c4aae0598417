package turns_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/turns"
)

func shares() turns.Limits {
	return turns.Limits{Running: 4, PerGuest: 2, Large: 2, LargePerGuest: 1, Waiting: 6, WaitingPerGuest: 3}
}

func arrive(q *turns.Queue, guest string, large bool) (*turns.Ticket, turns.Verdict) {
	t := &turns.Ticket{Guest: guest, Large: large}
	return t, q.Arrive(t)
}

func TestAGuestTakesItsShareAndLeavesTheOthersAlone(t *testing.T) {
	q := turns.New(shares())
	var verdicts []turns.Verdict
	for range 7 {
		_, verdict := arrive(q, "flood", false)
		verdicts = append(verdicts, verdict)
	}
	require.Equal(t, []turns.Verdict{turns.Run, turns.Run, turns.Wait, turns.Wait, turns.Wait, turns.Refuse, turns.Refuse}, verdicts)
	running, waiting := q.Load("flood")
	require.Equal(t, [2]int{2, 3}, [2]int{running, waiting})
	other, verdict := arrive(q, "other", false)
	require.Equal(t, turns.Run, verdict)
	require.Empty(t, q.Leave(other), "the flood has its share already")
}

func TestLargeRequestsLeaveRoomForSmallOnes(t *testing.T) {
	q := turns.New(shares())
	first, verdict := arrive(q, "a", true)
	require.Equal(t, turns.Run, verdict)
	second, verdict := arrive(q, "a", true)
	require.Equal(t, turns.Wait, verdict)
	_, verdict = arrive(q, "a", false)
	require.Equal(t, turns.Run, verdict, "a small one of the same guest passes the large one by")
	_, verdict = arrive(q, "b", true)
	require.Equal(t, turns.Run, verdict)
	_, verdict = arrive(q, "c", true)
	require.Equal(t, turns.Wait, verdict)
	_, verdict = arrive(q, "d", false)
	require.Equal(t, turns.Run, verdict)
	require.Equal(t, []*turns.Ticket{second}, q.Leave(first))
}

func TestGuestsTakeTurns(t *testing.T) {
	q := turns.New(turns.Limits{Running: 1, PerGuest: 1, Large: 1, LargePerGuest: 1, Waiting: 10, WaitingPerGuest: 5})
	now, _ := arrive(q, "a", false)
	for range 3 {
		arrive(q, "a", false)
	}
	for range 2 {
		arrive(q, "b", false)
	}
	gone, _ := arrive(q, "c", false)
	require.Empty(t, q.Leave(gone))
	var order string
	for {
		started := q.Leave(now)
		if len(started) == 0 {
			break
		}
		require.Len(t, started, 1)
		now = started[0]
		order += now.Guest
	}
	require.Equal(t, "ababa", order)
	require.Empty(t, q.Leave(&turns.Ticket{Guest: "x"}))
}

// TestNoShareIsEverExceededAndNothingIsForgotten plays arrivals and departures by chance.
func TestNoShareIsEverExceededAndNothingIsForgotten(t *testing.T) {
	const guests = 6
	random := rand.New(rand.NewPCG(1, 2))
	limits := shares()
	q := turns.New(limits)
	running, waiting := map[*turns.Ticket]bool{}, map[*turns.Ticket]bool{}
	check := func() {
		perGuest, large, queued := map[string]int{}, map[string]int{}, map[string]int{}
		for ticket := range running {
			perGuest[ticket.Guest]++
			if ticket.Large {
				large[ticket.Guest]++
				large[""]++
			}
		}
		for ticket := range waiting {
			queued[ticket.Guest]++
		}
		require.LessOrEqual(t, len(running), limits.Running)
		require.LessOrEqual(t, len(waiting), limits.Waiting)
		require.LessOrEqual(t, large[""], limits.Large)
		for i := range guests {
			name := fmt.Sprint(i)
			require.LessOrEqual(t, perGuest[name], limits.PerGuest)
			require.LessOrEqual(t, large[name], limits.LargePerGuest)
			require.LessOrEqual(t, queued[name], limits.WaitingPerGuest)
			r, w := q.Load(name)
			require.Equal(t, [2]int{perGuest[name], queued[name]}, [2]int{r, w})
		}
	}
	leave := func(ticket *turns.Ticket) {
		delete(running, ticket)
		delete(waiting, ticket)
		for _, started := range q.Leave(ticket) {
			require.True(t, waiting[started])
			delete(waiting, started)
			running[started] = true
		}
	}
	for range 5000 {
		if random.IntN(2) == 0 {
			ticket := &turns.Ticket{Guest: fmt.Sprint(random.IntN(guests)), Large: random.IntN(3) == 0}
			switch q.Arrive(ticket) {
			case turns.Run:
				running[ticket] = true
			case turns.Wait:
				waiting[ticket] = true
			case turns.Refuse:
			}
		} else {
			for _, set := range []map[*turns.Ticket]bool{running, waiting} {
				for ticket := range set {
					leave(ticket)
					break
				}
			}
		}
		check()
	}
	for len(running) > 0 {
		for ticket := range running {
			leave(ticket)
			break
		}
		check()
	}
	require.Empty(t, waiting, "every request had its turn")
}
