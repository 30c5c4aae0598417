package apiproxy

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
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
