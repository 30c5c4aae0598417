package apiaudit_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/apiaudit"
	"data-space.liqo.io/pkg/values/fact"
)

func request() apiaudit.Request {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return apiaudit.Request{
		ID: "id-1", Stage: apiaudit.Complete, Sender: apiaudit.User{Name: "slice", Groups: []string{"pharma"}}, Guests: []string{"pharma"}, Remote: "[::ffff:192.0.2.1]:99",
		Program: "kubectl", Verb: "get", Path: "/apis/storage.k8s.io/v1/storageclasses/fast", Resource: true, Group: "storage.k8s.io", Version: "v1", Kind: "storageclasses",
		Name: "fast", Verdict: "filter", Code: 200, Began: at, Came: at.Add(time.Second),
	}
}

func TestAnEventIsThatOfAuditK8sIO(t *testing.T) {
	line, err := request().Event()
	require.NoError(t, err)
	require.JSONEq(t, `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"id-1","stage":"ResponseComplete",`+
		`"requestURI":"/apis/storage.k8s.io/v1/storageclasses/fast","verb":"get","user":{"username":"slice","groups":["pharma"]},"sourceIPs":["192.0.2.1"],"userAgent":"kubectl",`+
		`"objectRef":{"resource":"storageclasses","name":"fast","apiGroup":"storage.k8s.io","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},`+
		`"requestReceivedTimestamp":"2026-01-02T03:04:05.000000Z","stageTimestamp":"2026-01-02T03:04:06.000000Z",`+
		`"annotations":{"data-space.liqo.io/guests":"pharma","data-space.liqo.io/verdict":"filter"}}`, string(line))
	require.True(t, strings.HasSuffix(string(line), "}\n"))
}

func TestAFactHasTheCallersName(t *testing.T) {
	r := request()
	f := r.Fact()
	require.Equal(t, fact.Fact{
		Time: r.Came, Kind: fact.APIRequested, Subject: fact.Subject{Guest: "pharma"}, Reason: "filter", Message: "get storageclasses.storage.k8s.io fast from [::ffff:192.0.2.1]:99: answered with 200",
		Details: map[string]string{
			"id": "id-1", "verb": "get", "user": "slice", "code": "200", "resource": "storageclasses.storage.k8s.io", "object": "fast",
		},
	}, f)
	r.As, r.Code, r.Guests = &apiaudit.User{Name: "alice", Groups: []string{"a"}}, 403, []string{"a", "b"}
	f = r.Fact()
	require.Equal(t, "alice", f.Details["user"])
	require.Equal(t, "slice", f.Details["sender"])
	require.True(t, f.Warning)
	require.Contains(t, f.Message, "guests a b")
	require.Empty(t, f.Subject.Guest, "no guest's log has what the caller asked of the other guest's objects")
	require.Less(t, len(f.Details), fact.MaxDetails, "the agent adds one")
	line, err := r.Event()
	require.NoError(t, err)
	require.Contains(t, string(line), `"user":{"username":"slice","groups":["pharma"]},"impersonatedUser":{"username":"alice","groups":["a"]}`)
	r.Resource, r.Path, r.Stage = false, "/version", apiaudit.Started
	f = r.Fact()
	require.Equal(t, "/version", f.Details["path"])
	require.Contains(t, f.Reason, "ResponseStarted")
}

// A caller chooses the path, the name of its program and, by its path, the kinds and names.
func TestACallersTextsNeitherGrowNorInjectALine(t *testing.T) {
	for _, hostile := range []string{strings.Repeat("\x00", 200_000), strings.Repeat(`"`, 200_000), strings.Repeat("<", 200_000), "a\n{\"kind\":\"Event\"}", "\x1b[2J", "\xff\xfe"} {
		r := request()
		r.Program, r.Path, r.Verb, r.Group, r.Version, r.Kind, r.Subresource, r.Namespace, r.Name, r.Remote = hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile
		for range 1000 {
			r.Sender.Groups = append(r.Sender.Groups, "g")
		}
		line, err := r.Event()
		require.NoError(t, err)
		require.Less(t, len(line), 40<<10)
		require.Equal(t, 1, strings.Count(string(line), "\n"))
		require.True(t, json.Valid(line))
		recorded, err := fact.Encode(1, r.Fact())
		require.NoError(t, err)
		require.LessOrEqual(t, len(recorded), fact.MaxLine)
	}
}
