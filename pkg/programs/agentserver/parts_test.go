package agentserver

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/values/agentapi"
)

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	r := httptest.NewRecorder()
	h.ServeHTTP(r, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return r.Code, r.Body.String()
}

func TestAProbeIsAnsweredWellWhenEveryPartMeetsIt(t *testing.T) {
	ready := false
	h := Health([]Part{{}, {Ready: Condition{Good: func() bool { return ready }, Otherwise: "pods are not known yet"}}})
	code, text := get(t, h, "/healthz")
	require.Equal(t, http.StatusOK, code, "a part without a condition meets it")
	require.Equal(t, "ok\n", text)
	code, text = get(t, h, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, "pods are not known yet\n", text)
	ready = true
	code, _ = get(t, h, "/readyz")
	require.Equal(t, http.StatusOK, code)
}

// enforcer has one pod.
type enforcer struct{}

func (enforcer) Status(context.Context) agentapi.NodeStatus {
	return agentapi.NodeStatus{Node: "node-1"}
}

func (enforcer) Rules(_ context.Context, namespace, name string) (agentapi.PodRules, bool) {
	rules := agentapi.PodRules{Chains: []agentapi.RuleChain{{Name: "OUTPUT", Rules: []agentapi.Rule{{Words: "-j DROP"}}}}}
	return rules, namespace+"/"+name == "pharma-space/study"
}

func TestEachPartAnswersBelowItsPath(t *testing.T) {
	h := Answers([]Part{
		{Path: agentapi.EndpointsPath, Answers: Endpoints(enforcer{}, slog.New(slog.DiscardHandler))},
		{Path: agentapi.PolicyPath, Answers: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })},
	})
	code, text := get(t, h, agentapi.EndpointsPath)
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, text, `"node":"node-1"`)
	code, text = get(t, h, agentapi.RulesURL("pharma-space", "study"))
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, text, `"words":"-j DROP"`)
	code, text = get(t, h, agentapi.RulesURL("pharma-space", "gone"))
	require.Equal(t, http.StatusBadRequest, code)
	require.Contains(t, text, "no foreign pod pharma-space/gone on this node")
	_, text = get(t, h, agentapi.ExplainPath)
	require.Equal(t, agentapi.ExplainPath, text)
	code, _ = get(t, h, "/v1/nothing")
	require.Equal(t, http.StatusNotFound, code)
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "one", Help: "one"}, func() float64 { return 1 }))
	code, text := get(t, Metrics(registry, "127.0.0.1:1", "", nil), "/metrics")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, text, "one 1")
}

func TestMetricsAtAnAddressOfTheNetworkAreGuarded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	listener, err := Listen(ctx, "127.0.0.1:0") // the flag names another one
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() {
		served <- Serve(ctx, listener, Metrics(prometheus.NewRegistry(), ":13090", "", &rest.Config{Host: "127.0.0.1:1"}))
	}()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for token, want := range map[string]int{"": http.StatusUnauthorized, "Basic x": http.StatusUnauthorized, "Bearer x": http.StatusInternalServerError} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+listener.Addr().String()+"/metrics", http.NoBody)
		require.NoError(t, err)
		r.Header.Set("Authorization", token)
		response, err := client.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, response.StatusCode, "%q: without an API server no request is allowed", token)
	}
	client.CloseIdleConnections()
	cancel()
	require.NoError(t, <-served)
}
