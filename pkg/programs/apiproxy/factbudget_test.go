package apiproxy

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/effects/factlines"
	"data-space.liqo.io/pkg/effects/upstream"
	recorded "data-space.liqo.io/pkg/values/fact"
)

// sunk are the facts that were passed on.
type sunk []recorded.Fact

// Emit implements factlines.Sink.
func (s *sunk) Emit(f recorded.Fact) { *s = append(*s, f) }

func TestNeitherStrangersNorALoudGuestPushFactsOutOfTheLog(t *testing.T) {
	var all sunk
	b := newFactBudget(&all)
	request := func(guest, reason string) recorded.Fact {
		return recorded.Fact{Kind: recorded.APIRequested, Reason: reason, Subject: recorded.Subject{Guest: guest}}
	}
	for i := range 10_000 {
		b.emit(request("", "refuse"), "")
		b.emit(request("loud", fmt.Sprint("reason ", i)), fmt.Sprint("user-", i)) // a guest chooses verdicts and makes users
	}
	b.emit(request("quiet", "narrow"), "study")
	b.emit(request("", "pass"), "nurse")
	count := func(of recorded.Subject, kind recorded.Kind, caller string) (facts, counted int64) {
		for _, f := range all {
			if f.Kind == kind && f.Subject == of {
				facts++
			}
			if f.Kind == recorded.FactsCounted && f.Subject == of && f.Details["reason"] == caller {
				counted += f.Count
			}
		}
		return facts, counted
	}
	loud, _ := count(recorded.Subject{Guest: "loud"}, recorded.APIRequested, "")
	require.Less(t, loud, int64(600))
	quiet, _ := count(recorded.Subject{Guest: "quiet"}, recorded.APIRequested, "")
	require.EqualValues(t, 1, quiet)
	none, _ := count(recorded.Subject{}, recorded.APIRequested, "")
	require.Less(t, none, int64(30), "of all who have no credentials, and of the nurse")
	require.Equal(t, "pass", all[len(all)-1].Reason)
	b.count()
	_, counted := count(recorded.Subject{Guest: "loud"}, recorded.APIRequested, "")
	require.EqualValues(t, 10_000, loud+counted, "each is a fact or counted")
	_, counted = count(recorded.Subject{}, recorded.APIRequested, "unauthenticated")
	require.EqualValues(t, 10_001, none+counted)
	(*factBudget)(nil).emit(request("a", "b"), "c")
}

func TestImpersonationThatIsAllowedIsAFactOnceAnHourAndOneThatIsRefusedEachTime(t *testing.T) {
	var all sunk
	b := newFactBudget(&all)
	f := func(reason string) recorded.Fact { return recorded.Fact{Kind: recorded.Impersonated, Reason: reason} }
	for range 100 {
		b.impersonated(f(recorded.Allowed), assumption{"operator", "study"})
		b.impersonated(f("Refused"), assumption{"nurse", "admin"})
	}
	b.impersonated(f(recorded.Allowed), assumption{"operator", "other"})
	count := map[string]int{}
	for _, f := range all {
		count[f.Reason]++
	}
	require.Equal(t, map[string]int{recorded.Allowed: 2, "Refused": 100}, count)
	b.assumed[assumption{"operator", "study"}.hash()] = time.Now().Add(-assumedEvery)
	b.impersonated(f(recorded.Allowed), assumption{"operator", "study"})
	require.Equal(t, recorded.Allowed, all[len(all)-1].Reason)
	for i := range 5000 { // a caller that may act as whom it likes
		b.impersonated(f(recorded.Allowed), assumption{"operator", fmt.Sprint(i)})
		require.LessOrEqual(t, len(b.assumed), mostAssumed)
	}
	require.Less(t, len(all), 103+510, "the rate of one caller")
	(*factBudget)(nil).impersonated(f("Refused"), assumption{})
}

func TestAnAPIServerThatDoesNotAnswerIsNoRefusalOfAnImpersonation(t *testing.T) {
	code := http.StatusInternalServerError
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","spec":{},"status":{"allowed":false}}`) // the client is there
	}))
	defer server.Close()
	clients, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	require.NoError(t, err)
	request := httptest.NewRequest(http.MethodGet, "/api", nil)
	request.Header.Set("Impersonate-User", "admin")
	reasons := func() (all []string) {
		var facts sunk
		p := &proxy{clients: clients, audit: audit{facts: newFactBudget(&facts)}}
		_, err := p.plan(request, upstream.Identity{Name: "study"}, nil, &fact{})
		require.Error(t, err)
		for _, f := range facts {
			all = append(all, f.Reason)
		}
		return all
	}
	require.Empty(t, reasons())
	code = http.StatusCreated
	require.Equal(t, []string{"Refused"}, reasons())
}

// Who may impersonate the ServiceAccounts of a namespace, as each editor of it may, chooses their names, which need not exist.
func TestWhomCallersActAsTakesLittleMemory(t *testing.T) {
	const users, long = 500, 100 << 10
	name := func(i int) string { return fmt.Sprint("system:serviceaccount:study:", strings.Repeat("x", long), i) }
	names := make([]string, users)
	require.Greater(t, held(func() {
		for i := range users {
			names[i] = name(i)
		}
	}), uint64(users*long/2), "the names themselves")
	b, end := newFactBudget(none{}), make(chan struct{})
	out := factlines.New(blocked(end))
	defer out.Close()
	defer close(end)
	require.Less(t, held(func() {
		for i := range users {
			f := recorded.Fact{Kind: recorded.Impersonated, Reason: recorded.Allowed, Details: map[string]string{"as": name(i)}}
			b.impersonated(f, assumption{"editor", f.Details["as"]})
			f.Kind = recorded.APIRequested
			out.Emit(f)
		}
	}), uint64(users*long/10))
	require.Len(t, b.assumed, users)
	runtime.KeepAlive(names) // it is held before and after
}

// none takes facts and holds none.
type none struct{}

func (none) Emit(recorded.Fact) {}

// blocked is the output of a program whose container runtime does not read until it is closed.
type blocked chan struct{}

func (b blocked) Write(p []byte) (int, error) {
	<-b
	return len(p), nil
}

// held returns how many bytes are held after f that were not held before.
func held(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc)
}
