package facts_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	"data-space.liqo.io/pkg/programs/facts"
	"data-space.liqo.io/pkg/values/fact"
)

func TestFactsAreSentToACollectorOnceTheyAreInTheLog(t *testing.T) {
	var mu sync.Mutex
	var got []string
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var sent logs.LogsData
		if err != nil || proto.Unmarshal(body, &sent) != nil {
			t.Errorf("not a request of OTLP: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, one := range sent.GetResourceLogs()[0].GetScopeLogs()[0].GetLogRecords() {
			got = append(got, one.GetEventName())
		}
	}))
	defer collector.Close()
	c := config(filepath.Join(t.TempDir(), "facts"))
	var err error
	c.Collector, err = facts.ParseCollector(collector.URL)
	require.NoError(t, err)
	e, stop := run(t, c)
	e.Emit(fact.Fact{Kind: "Enforced", Message: "m"})
	stop()
	var want []string
	for _, kind := range kinds(recorded(t, c.Folder)) {
		want = append(want, string(kind))
	}
	require.Contains(t, want, "Enforced")
	require.Equal(t, string(fact.AgentStopped), want[len(want)-1])
	require.Equal(t, want[1:], got, "each fact of the log, in order, the end of the agent too; lines about the log itself are not sent")
}
