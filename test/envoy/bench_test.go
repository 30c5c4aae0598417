//go:build bench && kernel

package envoy

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/test/kit"
)

// rounds is how often each figure is measured; the median of them counts. In each round the pods take turns.
const rounds = 7

// istioLog is Istio's default format of an access log line (meshConfig.accessLogFormat), with what YAML needs escaped.
const istioLog = `[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% %RESPONSE_FLAGS% ` +
	`%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% \"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% ` +
	`%DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" ` +
	`\"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% ` +
	`%DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n`

// istioArguments are those that Istio's agent gives to Envoy, as far as they concern speed; concurrency is that of our sidecar.
const istioArguments = "--disable-hot-restart --concurrency 1 --log-level warning --component-log-level misc:error --file-flush-interval-msec 1000"

// The pods that are compared.
const (
	floor    = "floor"        // the same pods without redirect and proxy
	peer     = "peer"         // the same Envoy with Istio's settings, its access log on, as ours cannot be off
	silent   = "peer, no log" // the same without its access log, which is Istio's default; shown, not compared with
	ours     = "ours"         // the sidecar as it is injected
	codec    = "codec"        // the same with --proxy-reader=codec; shown, not compared with
	barPeer  = 1.1            // of the peer's, in each row
	barCPU   = 0.9            // of the peer's CPU for a request
	barFloor = 0.65           // of the floor's, in bulk
	barRest  = 55 << 10       // KiB at rest
	barIdle  = 12             // KiB for an idle connection
)

// row is a figure of each pod.
type row struct {
	name, unit string
	lower      bool // less is better
	bulk       bool
	of         func(t *testing.T, s *subject) float64
	values     map[string][]float64
}

// TestSpeedBesideThePeer measures what a pod's traffic gets and costs, side by side in the same run. It fails where a bar is missed.
func TestSpeedBesideThePeer(t *testing.T) {
	subjects := []*subject{
		{floorWorld(t), floor},
		{peerWorld(t, istioLog), peer},
		{peerWorld(t, ""), silent},
		{oursWorld(t, following(t)), ours},
		{oursWorld(t, settings()), codec},
	}
	rest := map[string]int{}
	for _, s := range subjects {
		if s.proxy != nil {
			rest[s.name] = s.cage.workingSet(t)
		}
		s.serve(t)
	}
	rows := table()
	for range rounds {
		for _, r := range rows {
			for _, s := range subjects {
				r.values[s.name] = append(r.values[s.name], r.of(t, s))
			}
		}
	}
	t.Logf("%-34s %10s %10s %10s %10s %10s", "medians of rounds", floor, peer, silent, ours, codec)
	for _, r := range rows {
		r.judge(t)
	}
	for _, s := range subjects[1:] {
		each := s.perIdle(t, flows()[0])
		t.Logf("%s: %d KiB at rest (the container's working set; %d KiB resident, with the pages of the program that all share), %.1f KiB for an idle connection",
			s.name, rest[s.name], s.memory(t), each)
		if s.name == ours && (each > barIdle || rest[s.name] > barRest) {
			t.Errorf("memory: the bars are %d KiB at rest and %d KiB for an idle connection", barRest, barIdle)
		}
	}
}

// table returns the rows. The CPU of each request is measured with the requests of the row before.
func table() []*row {
	var rows []*row
	for _, f := range flows() {
		used := map[string]float64{}
		rows = append(rows,
			&row{name: fmt.Sprintf("small GETs, %d connections, %s", kept, f.name), unit: "requests/s", of: func(t *testing.T, s *subject) (rate float64) {
				t.Helper()
				rate, used[s.name] = s.requests(t, f, kept)
				return rate
			}},
			&row{name: "CPU of the proxy, " + f.name, unit: "us/request", lower: true, of: func(_ *testing.T, s *subject) float64 { return used[s.name] }},
			&row{name: "one GET, kept connection, " + f.name, unit: "us", lower: true, of: func(t *testing.T, s *subject) float64 {
				t.Helper()
				rate, _ := s.requests(t, f, 1)
				return 1e6 / rate
			}},
			&row{name: "raw TCP stream, " + f.name, unit: "MiB/s", bulk: true, of: func(t *testing.T, s *subject) float64 {
				t.Helper()
				return s.download(t, f, portStream, unknown)
			}},
			&row{name: "HTTP download, " + f.name, unit: "MiB/s", bulk: true, of: func(t *testing.T, s *subject) float64 {
				t.Helper()
				return s.download(t, f, portRequests, "GET /endless HTTP/1.1\r\nHost: h\r\n\r\n")
			}},
		)
	}
	for _, r := range rows {
		r.values = map[string][]float64{}
	}
	return rows
}

// judge logs the medians, and reports which bar is missed. Ratios are medians of the rounds' ratios: what else the machine does in a
// round slows all of them.
func (r *row) judge(t *testing.T) {
	t.Helper()
	toPeer, toFloor := r.ratio(peer), r.ratio(floor)
	t.Logf("%-34s %10.0f %10.0f %10.0f %10.0f %10.0f %-10s  of the peer %.2f, of the floor %.2f", r.name,
		median(r.values[floor]), median(r.values[peer]), median(r.values[silent]), median(r.values[ours]), median(r.values[codec]), r.unit, toPeer, toFloor)
	switch {
	case strings.HasPrefix(r.name, "CPU"):
		if toPeer > barCPU {
			t.Errorf("%s: %.2f of the peer's, the bar is %.2f", r.name, toPeer, barCPU)
		}
	case r.lower && 1/toPeer < barPeer, !r.lower && toPeer < barPeer:
		t.Errorf("%s: %.2f of the peer's, the bar is %.2f times better", r.name, toPeer, barPeer)
	case r.bulk && toFloor < barFloor:
		t.Errorf("%s: %.2f of the floor, the bar is %.2f", r.name, toFloor, barFloor)
	}
}

func (r *row) ratio(to string) float64 {
	var ratios []float64
	for i, v := range r.values[ours] {
		ratios = append(ratios, v/r.values[to][i])
	}
	return median(ratios)
}

func median(values []float64) float64 {
	sorted := slices.SortedFunc(slices.Values(values), cmp.Compare)
	return sorted[len(sorted)/2]
}

func floorWorld(t *testing.T) *world {
	t.Helper()
	w := &world{pod: namespace(t), peer: namespace(t), stdout: &kit.Output{}, stderr: &kit.Output{}}
	w.connect(t)
	return w
}

// peerWorld is a pod beside Istio's sidecar, with an access log unless format is empty.
func peerWorld(t *testing.T, format string) *world {
	t.Helper()
	text, err := os.ReadFile("testdata/peer.yaml")
	require.NoError(t, err)
	config := []byte(strings.ReplaceAll(string(text), "%ACCESS_LOG%", format))
	if format == "" {
		tree := map[string]any{}
		require.NoError(t, yaml.Unmarshal(config, &tree))
		withoutLog(tree)
		config, err = yaml.Marshal(tree)
		require.NoError(t, err)
	}
	w := &world{args: istioArguments, cage: newCage(t), logs: runtime(t)}
	w.cage.change = func([]byte) []byte { return config }
	return w.build(t, settings())
}

// withoutLog takes the access logs out of a configuration.
func withoutLog(node any) {
	switch n := node.(type) {
	case map[string]any:
		delete(n, "access_log")
		for _, v := range n {
			withoutLog(v)
		}
	case []any:
		for _, v := range n {
			withoutLog(v)
		}
	}
}

func oursWorld(t *testing.T, s envoy.Settings) *world {
	t.Helper()
	return (&world{cage: newCage(t), logs: runtime(t)}).build(t, s)
}

// runtime keeps a proxy's output as the container runtime does.
func runtime(t *testing.T) func(stream string) io.Writer {
	t.Helper()
	file, err := os.OpenFile(t.TempDir()+"/0.log", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	return func(stream string) io.Writer { return &runtimeLog{file: file, stream: stream} }
}
