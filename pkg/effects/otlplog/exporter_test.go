package otlplog_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	"data-space.liqo.io/pkg/effects/otlplog"
	"data-space.liqo.io/pkg/values/fact"
)

// receiver is a collector: it decodes what it is sent by the types of OpenTelemetry's own module.
type receiver struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	status  int
	headers http.Header
	got     []*logs.ResourceLogs
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, status: http.StatusOK}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.status != http.StatusOK {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(r.status)
			return
		}
		body, err := io.ReadAll(q.Body)
		var request collector.ExportLogsServiceRequest
		if err != nil || q.URL.Path != "/v1/logs" || q.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(body, &request) != nil {
			t.Errorf("invalid request: %s %v", q.URL.Path, err)
		}
		r.headers, r.got = q.Header, append(r.got, request.GetResourceLogs()...)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) records() (all []*logs.LogRecord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.got {
		for _, s := range g.GetScopeLogs() {
			all = append(all, s.GetLogRecords()...)
		}
	}
	return all
}

type counted struct {
	sent, lost atomic.Int64
	failures   chan error
}

func start(t *testing.T, address string) (*otlplog.Exporter, *counted, func()) {
	t.Helper()
	c := &counted{failures: make(chan error, 100)}
	target, err := otlplog.ParseURL(address)
	require.NoError(t, err)
	e := otlplog.New(otlplog.Config{
		URL: target, Node: "node-1", Version: "v1", Sent: func(n int) { c.sent.Add(int64(n)) }, Lost: func(n int) { c.lost.Add(int64(n)) },
		Failed: func(err error) { c.failures <- err },
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); e.Run(ctx) }()
	stop := sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	return e, c, stop
}

func TestFactsArriveAsLogRecords(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20secret, x-tenant=hospital")
	r := newReceiver(t)
	e, c, _ := start(t, r.URL)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	e.Send(41, []fact.Fact{
		{Time: at, Kind: "Enforced", Message: "m"},
		{Time: at, Kind: "DriftRepaired", Warning: true, Reason: "Rule", Message: "a\nline\x1b", Count: 3, Details: map[string]string{"hash": "ab"},
			Subject: fact.Subject{Guest: "pharma", Namespace: "pharma-space", Pod: "study", UID: "1-2"}},
	})
	require.Eventually(t, func() bool { return len(r.records()) == 2 }, 30*time.Second, 10*time.Millisecond)
	require.Equal(t, "Bearer secret", r.headers.Get("Authorization"))
	require.Equal(t, "hospital", r.headers.Get("X-Tenant"))
	require.Contains(t, r.got[0].GetResource().String(), "node-1")
	one := r.records()[1]
	require.Equal(t, "DriftRepaired", one.GetEventName())
	require.Equal(t, logs.SeverityNumber_SEVERITY_NUMBER_WARN, one.GetSeverityNumber())
	require.EqualValues(t, at.UnixNano(), one.GetTimeUnixNano())
	require.Equal(t, `a\u000aline\u001b`, one.GetBody().GetStringValue(), "no byte of a tenant acts on a terminal")
	values := map[string]string{}
	for _, a := range one.GetAttributes() {
		values[a.GetKey()] = strings.TrimSpace(a.GetValue().GetStringValue())
	}
	require.Equal(t, map[string]string{
		"data_space.guest": "pharma", "k8s.namespace.name": "pharma-space", "k8s.pod.name": "study", "k8s.pod.uid": "1-2", "data_space.reason": "Rule",
		"data_space.index": "", "data_space.count": "", "data_space.details.hash": "ab",
	}, values)
	require.Eventually(t, func() bool { return c.sent.Load() == 2 }, 30*time.Second, 10*time.Millisecond)
	require.Zero(t, c.lost.Load())
}

func TestWhatACollectorDoesNotTakeIsTriedAgainOrCounted(t *testing.T) {
	r := newReceiver(t)
	r.answer(http.StatusServiceUnavailable)
	e, c, _ := start(t, r.URL)
	e.Send(0, []fact.Fact{{Kind: "One"}})
	require.ErrorContains(t, <-c.failures, "503")
	r.answer(http.StatusOK)
	require.NoError(t, <-c.failures, "it is reported that facts are sent again")
	require.Eventually(t, func() bool { return len(r.records()) == 1 }, 30*time.Second, 10*time.Millisecond)

	for _, status := range []int{http.StatusUnauthorized, http.StatusFound} { // a redirect leads nowhere
		r.answer(status)
		before := c.lost.Load()
		e.Send(1, []fact.Fact{{Kind: "Two"}})
		require.Eventually(t, func() bool { return c.lost.Load() == before+1 }, 30*time.Second, 10*time.Millisecond)
	}
	require.Len(t, r.records(), 1)
}

func TestACollectorThatIsAwayHoldsNothingUpAndIsNotOwedWithoutBound(t *testing.T) {
	r := newReceiver(t)
	r.answer(http.StatusServiceUnavailable)
	e, c, stop := start(t, r.URL)
	const many = 20_000
	for i := range many {
		e.Send(int64(i), []fact.Fact{{Kind: "Flood"}})
	}
	require.Eventually(t, func() bool { return c.lost.Load() > 0 }, 30*time.Second, 10*time.Millisecond)
	stop()
	require.EqualValues(t, many, c.lost.Load()+c.sent.Load(), "each fact is sent or counted")
}

func TestFactsThatWaitAreSentWhenTheProgramEnds(t *testing.T) {
	r := newReceiver(t)
	e, c, stop := start(t, r.URL)
	for i := range 2000 {
		e.Send(int64(i), []fact.Fact{{Kind: "Late"}})
	}
	stop()
	require.EqualValues(t, 2000, c.lost.Load()+c.sent.Load())
	require.Len(t, r.records(), int(c.sent.Load()))
	require.Zero(t, c.lost.Load())
}

func TestAURLThatIsNoneIsNamed(t *testing.T) {
	for _, text := range []string{"", "collector:4318", "ftp://x", "https://", "http://user:secret@x"} {
		_, err := otlplog.ParseURL(text)
		require.ErrorContains(t, err, "https://collector.example:4318", text)
	}
	for text, want := range map[string]string{"http://x:4318": "http://x:4318/v1/logs", "https://x/own/path": "https://x/own/path"} {
		got, err := otlplog.ParseURL(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
