package limit

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// maxClients bounds the memory: about 120 bytes a client. Clients above it share one bucket.
	maxClients = 65536
	// reportInterval is the shortest time between two reports about one client.
	reportInterval = 10 * time.Second
)

// bucket is what one client may still ask, and what was refused since its last report.
type bucket struct {
	tokens   float64
	updated  time.Time
	refused  uint64
	reported time.Time
	pod      string
}

// Report says how many questions of a client were refused since the report before.
type Report struct {
	Client  netip.Addr // invalid: the clients that share a bucket
	Pod     string     // namespace/name; "-/-" where the API server's data do not name it
	Refused uint64
}

// buckets are the token buckets of all clients. Safe for concurrent use.
type buckets struct {
	rate, burst float64

	mu       sync.Mutex
	byClient map[netip.Addr]*bucket
}

func newBuckets(rate, burst int) *buckets {
	return &buckets{rate: float64(rate), burst: float64(burst), byClient: map[netip.Addr]*bucket{}}
}

// take reports whether the client may ask one more question now. Where it may not, and no report about it is younger than
// reportInterval, due is that report.
func (b *buckets) take(client netip.Addr, pod string, now time.Time) (allowed bool, due *Report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key, one := b.of(client, now)
	if key.IsValid() {
		one.pod = pod
	} else {
		one.pod = "-/-"
	}
	one.tokens = min(b.burst, one.tokens+b.rate*max(0, now.Sub(one.updated).Seconds()))
	one.updated = now
	if one.tokens >= 1 {
		one.tokens--
		return true, nil
	}
	one.refused++
	if now.Sub(one.reported) < reportInterval {
		return false, nil
	}
	return false, one.report(key, now)
}

// of returns the client's bucket, or the shared one where there are too many clients.
func (b *buckets) of(client netip.Addr, now time.Time) (netip.Addr, *bucket) {
	if _, known := b.byClient[client]; !known && len(b.byClient) >= maxClients {
		client = netip.Addr{}
	}
	one, known := b.byClient[client]
	if !known {
		one = &bucket{tokens: b.burst, updated: now}
		b.byClient[client] = one
	}
	return client, one
}

func (one *bucket) report(client netip.Addr, now time.Time) *Report {
	r := &Report{Client: client, Pod: one.pod, Refused: one.refused}
	one.refused, one.reported = 0, now
	return r
}

// sweep returns the reports that are due and forgets clients whose bucket is full again: a new one would be the same.
func (b *buckets) sweep(now time.Time) []Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	var due []Report
	for client, one := range b.byClient {
		if one.refused > 0 && now.Sub(one.reported) >= reportInterval {
			due = append(due, *one.report(client, now))
		}
		full := one.tokens+b.rate*now.Sub(one.updated).Seconds() >= b.burst
		if full && one.refused == 0 {
			delete(b.byClient, client)
		}
	}
	return due
}

// rest returns the reports of everything that was refused and not reported yet.
func (b *buckets) rest(now time.Time) []Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []Report
	for client, one := range b.byClient {
		if one.refused > 0 {
			all = append(all, *one.report(client, now))
		}
	}
	return all
}
