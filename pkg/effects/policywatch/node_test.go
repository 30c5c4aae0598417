package policywatch_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/policywatch"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// asNode makes of this program one that only follows the cluster: what is measured is its own.
const asNode = "POLICYWATCH_AS_NODE"

func TestMain(m *testing.M) {
	if text := os.Getenv(asNode); text != "" {
		if err := followCluster(text, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err) // whoever asks gets no answer
		}
		return
	}
	m.Run()
}

// access is how the API server is reached.
type access struct {
	Host          string
	CA, Cert, Key []byte
	Way           string
}

// state is what the program is asked for.
type state struct {
	ReadyMS       int64
	Pods, Changes int64
	RSS, Peak     int // MiB
	Anonymous     int // MiB of RSS that are not the program's file
	Heap          uint64
	CPU           time.Duration
	At            time.Time
}

func followCluster(text string, in io.Reader, out io.Writer) error {
	var a access
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return err
	}
	cfg := &rest.Config{Host: a.Host, TLSClientConfig: rest.TLSClientConfig{CAData: a.CA, CertData: a.Cert, KeyData: a.Key}}
	if a.Way == "paged" {
		cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return noStreams{next} })
	}
	w, err := policywatch.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	x := netpol.New(netpol.Settings{Node: "node-0", IPv6: true})
	everything := netpolicy.Everything()
	x.Apply(netpol.PolicySeen{Policy: netpolicy.Policy{Key: netpolicy.Key{Namespace: "namespace-0", Name: "p"}, Target: everything,
		Ingress: netpolicy.Side{Isolates: true, Rules: []netpolicy.Rule{{AnyPort: true, Peers: []netpolicy.Peer{{Pods: &everything}}}}}}})
	var mu sync.Mutex
	var changed int64
	ready := make(chan int64, 1)
	began := time.Now()
	go w.Run(context.Background(), func(changes []netpol.Change) {
		mu.Lock()
		defer mu.Unlock()
		changed += int64(len(changes))
		if w.Synced() {
			x.Steps(changes...)
		} else {
			x.Apply(changes...)
		}
	}, func() { ready <- time.Since(began).Milliseconds() })
	s := state{ReadyMS: <-ready}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		mu.Lock()
		s.Pods, s.Changes = int64(x.Summary().Pods), changed
		mu.Unlock()
		s.read()
		if err := json.NewEncoder(out).Encode(s); err != nil {
			return err
		}
	}
	return nil
}

// noStreams refuses streamed lists, as API servers without WatchList do.
type noStreams struct{ http.RoundTripper }

func (n noStreams) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Query().Get("sendInitialEvents") != "" {
		return &http.Response{StatusCode: http.StatusUnprocessableEntity, Status: "422 Unprocessable Entity", Body: http.NoBody, Request: r}, nil
	}
	return n.RoundTripper.RoundTrip(r)
}

func (s *state) read() {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		for name, to := range map[string]*int{"VmRSS:": &s.RSS, "VmHWM:": &s.Peak, "RssAnon:": &s.Anonymous} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				var kib int
				_, _ = fmt.Sscan(rest, &kib)
				*to = kib >> 10
			}
		}
	}
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	s.CPU, s.At = time.Duration(u.Utime.Nano()+u.Stime.Nano()), time.Now()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.Heap = m.HeapAlloc
}

// nodeProcess is the program that follows the cluster.
type nodeProcess struct {
	tb  testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startNode(tb testing.TB, cfg *rest.Config, way string) *nodeProcess {
	tb.Helper()
	text, err := json.Marshal(access{Host: cfg.Host, CA: cfg.CAData, Cert: cfg.CertData, Key: cfg.KeyData, Way: way})
	require.NoError(tb, err)
	n := &nodeProcess{tb: tb, cmd: exec.Command(os.Args[0])}
	limit := os.Getenv("NETPOL_GOMEMLIMIT")
	if limit == "" {
		limit = shippedLimit(tb)
	}
	n.cmd.Env = append(os.Environ(), asNode+"="+string(text), "GOMEMLIMIT="+limit)
	n.cmd.Stderr = os.Stderr
	n.in, err = n.cmd.StdinPipe()
	require.NoError(tb, err)
	out, err := n.cmd.StdoutPipe()
	require.NoError(tb, err)
	n.out = bufio.NewReader(out)
	require.NoError(tb, n.cmd.Start())
	return n
}

// shippedLimit is the GOMEMLIMIT of deploy/agent.yaml.
func shippedLimit(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile("../../../deploy/agent.yaml")
	require.NoError(tb, err)
	_, rest, found := strings.Cut(string(text), "{name: GOMEMLIMIT, value: ")
	require.True(tb, found)
	limit, _, _ := strings.Cut(rest, "}")
	return limit
}

func (n *nodeProcess) ask(what string) state {
	n.tb.Helper()
	_, err := fmt.Fprintln(n.in, what)
	require.NoError(n.tb, err)
	line, err := n.out.ReadBytes('\n')
	require.NoError(n.tb, err)
	var s state
	require.NoError(n.tb, json.Unmarshal(line, &s))
	return s
}

func (n *nodeProcess) end() {
	n.tb.Helper()
	require.NoError(n.tb, n.in.Close())
	require.NoError(n.tb, n.cmd.Wait())
}
