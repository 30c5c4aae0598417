package apiproxy

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestALineOfTheLogIsShortWhateverTheRequest(t *testing.T) {
	var log bytes.Buffer
	p := &proxy{meters: newMeters(prometheus.NewRegistry()), log: slog.New(slog.NewJSONHandler(&log, nil))}
	p.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/%2e/"+strings.Repeat("a", 100_000), nil))
	require.Contains(t, log.String(), `"code":400`)
	require.Less(t, log.Len(), 8<<10)
	log.Reset()
	long := strings.Repeat("\x01", 100_000)
	p.report(fact{caller: long, impersonator: long, kind: long, namespace: long, name: long, path: long})
	require.Less(t, log.Len(), 32<<10)
}
