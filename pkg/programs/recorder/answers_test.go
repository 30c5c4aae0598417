package recorder_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/effects/logfollow"
	"data-space.liqo.io/pkg/programs/recorder"
	"data-space.liqo.io/pkg/values/apis"
)

// A request takes two lines on the wire and on the disk; what is printed of the second has the fields of the first, and why the proxy
// answered itself.
func TestTheEndOfARequestIsPrintedWithItsBeginningAndTheProxysReason(t *testing.T) {
	n := newNode(t)
	s := n.source("g", "p")
	s.Container = apis.ProxyContainerName
	n.sources[0] = s
	require.NoError(t, os.MkdirAll(n.dir(s), 0o750))
	log := []string{
		`stderr F {"event":"config","level":"debug","text":"add active listener: name=l"}`,
		`stderr F {"event":"config","level":"debug","text":"Created the filter state 'begin' from value '3.1764435600123456\negress\nhttp\nHTTP/1.1\n192.0.2.1:5\n192.0.2.20:80\nGET\nhospital\n/patients/3'"}`,
		`stdout F E 3.1764435600123456 200 - via_upstream 0 98 1 80 192.0.2.20:80`,
		`stdout F {"event":"DownstreamEnd","direction":"egress","kind":"http","method":"GET","path":"/x","authority":"h","response_code":503,` +
			`"response_flags":"UF","response_code_details":"upstream_reset_before_response_started{connection_failure}"}`,
	}
	stamped := "2026-01-02T03:04:05Z " + strings.Join(log, "\n2026-01-02T03:04:05Z ") + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(n.dir(s), "0.log"), []byte(stamped), 0o600))
	own := map[string]int{}
	r, err := recorder.New(recorder.Config{
		Logs: n.logs, Folder: n.folder, Limits: n.limits, Log: slog.New(slog.DiscardHandler), Node: 1 << 30, Removed: 1 << 30,
		Source:   logfollow.Limits{Rate: 1 << 20, Burst: 1 << 20, Lag: 4 << 20},
		Sources:  func() []record.Source { return n.sources },
		Answered: func(_ record.Source, reason string) { own[record.Reason(reason)]++ },
	})
	require.NoError(t, err)
	n.poll(r, 1)
	require.Equal(t, map[string]int{"": 1, "UF": 1}, own)

	var out bytes.Buffer
	require.NoError(t, recorder.Print(&out, n.folder, recorder.Query{}))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 4, out.String())
	for i, want := range []string{"PROXY ANSWERED", "Begin GET hospital/patients/3 0 -", "DownstreamEnd GET hospital/patients/3 200 -", "DownstreamEnd GET h/x 503 UF upstream_reset_before_response_started"} {
		require.Contains(t, strings.Join(strings.Fields(lines[i]), " "), want)
	}
	require.Equal(t, []string{"/patients/3", "/patients/3", "/x"}, n.read("g"))
}
