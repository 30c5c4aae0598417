package limit

import (
	"net/netip"
	"testing"
	"time"
)

func client(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

// ask asks n questions of one client at one moment and returns how many were allowed and what was reported.
func ask(b *buckets, from netip.Addr, n int, now time.Time) (allowed int, reported uint64) {
	for range n {
		ok, due := b.take(from, "space/pod", now)
		if ok {
			allowed++
		}
		if due != nil {
			reported += due.Refused
		}
	}
	return allowed, reported
}

func TestAClientMayAskItsBurstAndThenItsRate(t *testing.T) {
	b, now := newBuckets(10, 50), time.Now()
	if got, _ := ask(b, client(1), 200, now); got != 50 {
		t.Errorf("at once: %d allowed, want the burst of 50", got)
	}
	if got, _ := ask(b, client(1), 200, now.Add(time.Second)); got != 10 {
		t.Errorf("a second later: %d allowed, want the rate of 10", got)
	}
	if got, _ := ask(b, client(2), 200, now.Add(time.Second)); got != 50 {
		t.Errorf("another client: %d allowed, want its own burst of 50", got)
	}
	if got, _ := ask(b, client(1), 200, now.Add(time.Hour)); got != 50 {
		t.Errorf("after a rest: %d allowed, want the burst of 50 and no more", got)
	}
}

func TestEveryRefusedQuestionIsReportedOnce(t *testing.T) {
	b, now := newBuckets(10, 50), time.Now()
	asked, allowed, reported := 0, 0, uint64(0)
	for i := range 100 {
		now = now.Add(100 * time.Millisecond * time.Duration(i%3))
		ok, report := ask(b, client(1), 97, now)
		asked, allowed, reported = asked+97, allowed+ok, reported+report
		for _, r := range b.sweep(now) {
			reported += r.Refused
		}
	}
	for _, r := range b.rest(now) {
		reported += r.Refused
	}
	if got := uint64(allowed) + reported; got != uint64(asked) {
		t.Errorf("%d allowed and %d reported, want together the %d that were asked", allowed, reported, asked)
	}
}

func TestReportsOfOneClientAreTenSecondsApart(t *testing.T) {
	b, now := newBuckets(1, 1), time.Now()
	reports := 0
	for second := range 60 {
		at := now.Add(time.Duration(second) * time.Second)
		for range 100 {
			if _, due := b.take(client(1), "space/pod", at); due != nil {
				reports++
			}
		}
		reports += len(b.sweep(at))
	}
	if reports > 7 {
		t.Errorf("%d reports in 60 s, want at most 7", reports)
	}
}

func TestTheNumberOfClientsIsBounded(t *testing.T) {
	b, now := newBuckets(1, 2), time.Now()
	for n := range 2 * maxClients {
		b.take(client(n), "space/pod", now)
	}
	if got := len(b.byClient); got > maxClients+1 {
		t.Errorf("%d buckets, want at most %d", got, maxClients+1)
	}
	if got, _ := ask(b, client(1), 10, now); got != 1 {
		t.Errorf("a client that has a bucket: %d allowed, want what is left of its own: 1", got)
	}
	if got, _ := ask(b, client(3*maxClients), 10, now); got != 0 {
		t.Errorf("a client without a bucket: %d allowed, want 0, since those without share one", got)
	}
	b.sweep(now.Add(time.Minute))
	b.sweep(now.Add(2 * time.Minute))
	if got := len(b.byClient); got != 0 {
		t.Errorf("%d buckets after a rest, want 0", got)
	}
}
