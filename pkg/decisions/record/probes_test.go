package record_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/values/workload"
)

const (
	nodeAddress  = "192.0.2.1"
	otherAddress = "192.0.2.99"
	podHTTP      = "192.0.2.20:8080"
	podTCP       = "192.0.2.20:5432"
)

// marking marks the lines of a pod with a probe by HTTP, one by gRPC and one by TCP.
type marking struct {
	record.Probes
	at time.Time
}

func newMarking() *marking {
	return &marking{at: time.Unix(1_800_000_000, 0).UTC(), Probes: record.Probes{
		Node: func(a netip.Addr) bool { return a.String() == nodeAddress },
		Of: func(record.Source) []workload.Probe {
			return []workload.Probe{
				{Port: 8080, Method: "GET", Path: "/healthz", Period: 10 * time.Second},
				{Port: 5432, Period: 10 * time.Second},
				{Port: 50051, Method: "POST", Path: "/grpc.health.v1.Health/Check", Period: 10 * time.Second},
			}
		},
	}}
}

func (m *marking) line(format string, values ...any) bool {
	e := wire("a", fmt.Sprintf(format, values...))
	e.Time = m.at.Format(time.RFC3339Nano)
	return m.Marked(e).Probe
}

// connection is the beginning of one, which only the module's proxies write for HTTP as well.
func (m *marking) connection(number int, from, to string) bool {
	return m.line(`{"event":"config","level":"debug","text":"Created the filter state 'connect' from value '%d.1\ningress\ntcp\n%s:4000\n%s\n-'"}`, number, from, to)
}

func (m *marking) request(number int, from, to, method, path string) bool {
	return m.line(`{"event":"Begin","key":"%d.2","direction":"ingress","kind":"http","downstream_remote_address":"%s:4000","original_destination":"%s","protocol":"HTTP/1.1","method":"%s","authority":"h","path":"%s"}`,
		number, from, to, method, path)
}

func (m *marking) answer(sent int) bool {
	return m.line("E 1.2 200 - via_upstream 0 %d 1 - %s", sent, podHTTP)
}

func (m *marking) closed(number, received, sent int) bool {
	return m.line(`{"event":"TcpConnectionEnd","key":"%d.1","kind":"tcp","direction":"ingress","response_flags":"-","bytes_received":%d,"bytes_sent":%d}`, number, received, sent)
}

func TestProbesAreMarked(t *testing.T) {
	m := newMarking()
	require.True(t, m.connection(1, nodeAddress, podHTTP))
	require.True(t, m.request(1, nodeAddress, podHTTP, "GET", "/healthz"))
	require.True(t, m.answer(2))
	require.True(t, m.connection(2, nodeAddress, podTCP))
	require.True(t, m.closed(2, 0, 0))
	require.True(t, m.request(3, nodeAddress, "192.0.2.20:50051", "POST", "/grpc.health.v1.Health/Check"), "the codec's proxies write no beginning of the connection")
	require.False(t, m.line("a text"))
	var none *record.Probes
	require.False(t, none.Marked(wire("a", "E 1.2 200 - via_upstream 0 2 1 - "+podHTTP)).Probe)
}

// A call has no mark if its caller has no address of the node, if no probe makes it, or if it does more than a probe does.
func TestWhatIsNoProbeIsNotMarked(t *testing.T) {
	for name, marked := range map[string]func(m *marking) bool{
		"from elsewhere": func(m *marking) bool {
			return m.connection(1, otherAddress, podHTTP) || m.request(1, otherAddress, podHTTP, "GET", "/healthz") || m.answer(2)
		},
		"another port": func(m *marking) bool { return m.request(1, nodeAddress, "192.0.2.20:8081", "GET", "/healthz") },
		"another path": func(m *marking) bool {
			return m.request(1, nodeAddress, podHTTP, "GET", "/healthz?data") || m.answer(2)
		},
		"another method":     func(m *marking) bool { return m.request(1, nodeAddress, podHTTP, "PUT", "/healthz") },
		"what the pod sends": func(m *marking) bool { return m.line("%s", begin("1.2", "/healthz")) },
		"a second request": func(m *marking) bool {
			m.request(1, nodeAddress, podHTTP, "GET", "/healthz")
			return m.request(1, nodeAddress, podHTTP, "GET", "/healthz") || m.answer(2) || m.closed(1, 0, 0)
		},
		"many bytes": func(m *marking) bool {
			m.connection(1, nodeAddress, podTCP)
			m.connection(2, nodeAddress, podTCP)
			return m.closed(1, 1<<20, 0) || m.closed(2, 0, 1<<20)
		},
		"a body": func(m *marking) bool {
			m.request(1, nodeAddress, podHTTP, "GET", "/healthz")
			return m.line("E 1.2 200 - via_upstream 1 2 1 - " + podHTTP)
		},
		"the end of an unknown connection": func(m *marking) bool { return m.closed(1, 0, 0) || m.answer(0) },
		"an invalid address": func(m *marking) bool {
			return m.request(1, "x", podHTTP, "GET", "/healthz") || m.request(1, nodeAddress, "x", "GET", "/healthz")
		},
		"the connection of that number of a proxy that started again": func(m *marking) bool {
			m.connection(1, nodeAddress, podTCP)
			return m.connection(1, otherAddress, podTCP)
		},
		"a pod that is forgotten": func(m *marking) bool {
			m.connection(1, nodeAddress, podTCP)
			m.Forget(record.Source{Pod: "a"})
			return m.closed(1, 0, 0)
		},
	} {
		t.Run(name, func(t *testing.T) { require.False(t, marked(newMarking())) })
	}
}

// A caller on the node cannot hide more than the probes' periods allow.
func TestWhatPassesForAProbeIsBounded(t *testing.T) {
	m := newMarking()
	number := 0
	count := func(seconds int) (marked int) {
		for range seconds {
			m.at = m.at.Add(time.Second)
			for range 20 {
				if number++; m.connection(number, nodeAddress, podTCP) {
					marked++
				}
			}
		}
		return marked
	}
	require.InDelta(t, 3+60/10, count(60), 1)
	require.InDelta(t, 60/10, count(60), 1)
	require.True(t, m.request(100_000, nodeAddress, podHTTP, "GET", "/healthz"), "another port has its own")
}
