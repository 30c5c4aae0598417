//go:build api

package proxy

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/values/fact"
)

// events reads the audit log strictly, to the end of its last whole line.
func events(t *testing.T, file string) []auditv1.Event {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var all []auditv1.Event
	for line := range bytes.Lines(text[:bytes.LastIndexByte(text, '\n')+1]) {
		var e auditv1.Event
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.DisallowUnknownFields()
		require.NoError(t, decoder.Decode(&e), "%s", line)
		all = append(all, e)
	}
	return all
}

func TestEachRequestIsAnAuditEventInTheCallersName(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "audit")
	second, stop := w.another(t, "--audit-log-path="+file)
	proxied, _ := second.user(t, "audited", guest)
	token, err := w.Token(t.Context(), "pharma-a", w.account(t, "pharma-a"))
	require.NoError(t, err)
	bearing := second.through(&rest.Config{BearerToken: token})
	stranger := second.through(&rest.Config{BearerToken: "secret-of-a-stranger"})

	_, _, _ = send(t, proxied, "GET", "/api/v1/namespaces?labelSelector=secret-in-query", http.Header{"User-Agent": {"tried/1"}, "X-A": {"secret-in-header"}}, nil)
	_, passed, _ := send(t, proxied, "GET", "/api/v1/namespaces/pharma-a/configmaps", http.Header{"Audit-Id": {"chosen-by-the-caller"}}, nil)
	_, _, _ = send(t, proxied, "GET", "/api/v1/namespaces/rival-a", nil, nil)
	_, _, _ = send(t, proxied, "POST", "/api/v1/namespaces/rival-a/configmaps", http.Header{"Content-Type": {"application/json"}}, strings.NewReader(`{"data":{"a":"secret-in-body"}}`))
	_, _, _ = send(t, bearing, "GET", "/api/v1/namespaces/pharma-a/secrets", http.Header{"Impersonate-User": {"admin"}}, nil)
	_, _, _ = send(t, stranger, "GET", "/api/v1/namespaces", nil, nil)
	_, _, _ = send(t, proxied, "GET", "/api/v1/namespaces/%2e%2e/x", nil, nil)

	watch, err := rest.TransportFor(proxied)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, proxied.Host+"/api/v1/namespaces?watch=1", nil)
	require.NoError(t, err)
	response, err := watch.RoundTrip(request)
	require.NoError(t, err)
	eventually(t, func() bool {
		all := events(t, file)
		return len(all) == 8 && all[7].Stage == auditv1.StageResponseStarted && all[7].Verb == "watch"
	}, "the event of a stream is there while it is open")
	require.NoError(t, response.Body.Close())
	require.NoError(t, stop())

	all := events(t, file)
	require.Len(t, all, 9)
	ids := map[string]int{}
	for i, e := range all {
		require.Equal(t, "audit.k8s.io/v1", e.APIVersion)
		require.Equal(t, auditv1.LevelMetadata, e.Level)
		require.Equal(t, []string{"127.0.0.1"}, e.SourceIPs)
		if i != 4 && i != 5 && i != 6 {
			require.Equal(t, "audited", e.User.Username)
			require.Equal(t, guest, e.Annotations["data-space.liqo.io/guests"])
		}
		ids[string(e.AuditID)]++
	}
	require.Len(t, ids, 8, "both events of the watch have one id")
	require.Equal(t, all[7].AuditID, all[8].AuditID)
	require.Equal(t, auditv1.StageResponseComplete, all[8].Stage)
	require.Equal(t, "tried/1", all[0].UserAgent)
	require.Equal(t, "/api/v1/namespaces", all[0].RequestURI)
	require.Equal(t, passed.Get("Audit-Id"), string(all[1].AuditID), "the API server's own events have the same id")
	require.NotEqual(t, "chosen-by-the-caller", string(all[1].AuditID))
	for i, want := range []struct {
		verdict, verb, resource, namespace string
		code                               int32
	}{
		{"narrow", "list", "namespaces", "", 200}, {"pass", "list", "configmaps", "pharma-a", 200}, {"narrow", "get", "namespaces", "rival-a", 404},
		{"pass", "create", "configmaps", "rival-a", 403}, {"refuse", "get", "", "", 403}, {"refuse", "get", "", "", 401}, {"refuse", "get", "", "", 400},
		{"narrow", "watch", "namespaces", "", 200},
	} {
		e := all[i]
		require.Equal(t, []any{want.verdict, want.verb, want.code}, []any{e.Annotations["data-space.liqo.io/verdict"], e.Verb, e.ResponseStatus.Code}, "%d: %+v", i, e)
		if want.resource != "" {
			require.Equal(t, []string{want.resource, want.namespace}, []string{e.ObjectRef.Resource, e.ObjectRef.Namespace})
		}
	}
	require.True(t, strings.HasPrefix(all[4].User.Username, "system:serviceaccount:pharma-a:"), "also where the impersonation is refused")
	require.Empty(t, all[5].User.Username)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, kept := range []string{string(text), second.facts.String()} {
		require.NotContains(t, kept, "secret-")
		require.NotContains(t, kept, token)
	}
	requireFacts(t, second.facts.String(), all)
}

// requireFacts fails unless each event is a fact as well, in the same caller's name.
func requireFacts(t *testing.T, stdout string, all []auditv1.Event) {
	t.Helper()
	facts := map[string]fact.Recorded{}
	for line := range strings.Lines(stdout) {
		text, is := strings.CutPrefix(strings.TrimSuffix(line, "\n"), fact.LinePrefix)
		require.True(t, is, line)
		f, err := fact.Decode([]byte(text))
		require.NoError(t, err, line)
		facts[f.Details["id"]+f.Reason] = f
	}
	refused, kept := facts[string(all[4].AuditID)+"Refused"]
	require.True(t, kept, "the impersonation that was refused: %s", stdout)
	require.Equal(t, []any{fact.Impersonated, "admin", all[4].User.Username}, []any{refused.Kind, refused.Details["as"], refused.Details["sender"]})
	for _, e := range all {
		reason := e.Annotations["data-space.liqo.io/verdict"]
		if e.Stage == auditv1.StageResponseStarted {
			reason += " ResponseStarted"
		}
		f, kept := facts[string(e.AuditID)+reason]
		require.True(t, kept, "%+v is no fact: %s", e, stdout)
		require.Equal(t, fact.APIRequested, f.Kind)
		require.Equal(t, e.User.Username, f.Details["user"])
		require.Equal(t, e.Annotations["data-space.liqo.io/guests"], f.Subject.Guest)
	}
}
