package apiproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/apiaudit"
	"data-space.liqo.io/pkg/effects/apiserving"
	"data-space.liqo.io/pkg/effects/upstream"
)

func TestALineOfTheLogIsShortWhateverTheRequest(t *testing.T) {
	var out bytes.Buffer
	p := &proxy{meters: newMeters(prometheus.NewRegistry()), log: slog.New(slog.NewJSONHandler(&out, nil))}
	p.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/%2e/"+strings.Repeat("a", 100_000), nil))
	require.Contains(t, out.String(), `"code":400`)
	require.Less(t, out.Len(), 8<<10)
	out.Reset()
	long := strings.Repeat("\x01", 100_000)
	p.report(fact{caller: long, impersonator: long, kind: long, namespace: long, name: long, path: long})
	require.Less(t, out.Len(), 32<<10)
}

// The agent reads the facts of all guests in the same log, at a bounded rate.
func TestNoCallerFillsTheLog(t *testing.T) {
	flood := func(logged func(*slog.Logger) *factBudget) (lines int, text string) {
		var out bytes.Buffer
		log := slog.New(slog.NewJSONHandler(&out, nil))
		p := &proxy{meters: newMeters(prometheus.NewRegistry()), log: log, logged: logged(log)}
		for i := range 10_000 {
			p.report(fact{kept: apiaudit.Request{Verdict: fmt.Sprint(i)}}) // without credentials
			p.report(fact{kept: apiaudit.Request{Guests: []string{"loud"}, Sender: apiaudit.User{Name: fmt.Sprint(i)}}})
		}
		p.report(fact{caller: "quiet-user", kept: apiaudit.Request{Guests: []string{"quiet"}, Sender: apiaudit.User{Name: "quiet-user"}}})
		if p.logged != nil {
			p.logged.count()
		}
		return strings.Count(out.String(), `"msg":"request"`), out.String()
	}
	lines, _ := flood(func(*slog.Logger) *factBudget { return nil })
	require.Equal(t, 20_001, lines, "without the bound")
	lines, text := flood(newRequestLog)
	require.Less(t, lines, 15_000)
	require.Contains(t, text, "quiet-user")
	require.Contains(t, text, `"guest":"loud","caller":"","count":`)
	require.Contains(t, text, `"guest":"","caller":"unauthenticated","count":`)
}

func TestNoCallerFillsTheLogWithRequestsThatFail(t *testing.T) {
	flood := func(bound func(*slog.Logger) *factBudget) (lines int, text string) {
		var out bytes.Buffer
		log := slog.New(slog.NewJSONHandler(&out, nil))
		p := &proxy{log: log, failures: bound(log)}
		fail := func(guest, name string) {
			planned := &plan{ids: []string{guest}, caller: upstream.Identity{Name: name}}
			r := httptest.NewRequest(http.MethodGet, "/api/v1/pods", http.NoBody)
			p.failed(httptest.NewRecorder(), r.WithContext(context.WithValue(r.Context(), planKey{}, planned)), errors.New("the API server answers 500 to "+name))
		}
		for i := range 10_000 {
			fail("loud", fmt.Sprint(i))
		}
		fail("quiet", "quiet-user")
		if p.failures != nil {
			p.failures.count()
		}
		return strings.Count(out.String(), `"msg":"request failed"`), out.String()
	}
	lines, _ := flood(func(*slog.Logger) *factBudget { return nil })
	require.Equal(t, 10_001, lines, "without the bound")
	lines, text := flood(newFailureLog)
	require.Less(t, lines, 5_000)
	require.Contains(t, text, "quiet-user")
	require.Contains(t, text, `"msg":"requests were not logged one by one","of":"request failed","guest":"loud"`)
}

// A client may fail in the TLS handshake as often as it likes.
func TestWhatGoesWrongOfAConnectionIsNotInTheLog(t *testing.T) {
	var out bytes.Buffer
	p := &proxy{log: slog.New(slog.NewJSONHandler(&out, nil)), serving: &apiserving.Serving{}}
	for _, server := range []*http.Server{p.smallServer("", nil), p.newDirectServer(Direct{}, prometheus.NewRegistry()), p.newServer(t.Context(), Options{})} {
		require.NotNil(t, server.ErrorLog, "it is standard error otherwise")
		server.ErrorLog.Print("http: TLS handshake error")
	}
	require.Empty(t, out.String())
}
