//go:build api

package resolver

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"data-space.liqo.io/pkg/decisions/resolver"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/apiserver"
	"data-space.liqo.io/test/dnsclient"
	"data-space.liqo.io/test/kit"
)

// shared is an API server with the resolver's manifest applied; it ends with the tests.
var (
	shared    *apiserver.Server
	errShared error
)

func TestMain(m *testing.M) {
	if shared, errShared = apiserver.Start(); errShared == nil {
		errShared = shared.Apply(context.Background(), "../../../deploy/namespace.yaml", "../../../deploy/resolver.yaml")
	}
	m.Run()
	if shared == nil {
		return
	}
	if err := shared.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the API server:", err)
	}
}

// kubeconfig holds a token of the resolver's own ServiceAccount.
func kubeconfig(t *testing.T) string {
	t.Helper()
	token, err := shared.Token(t.Context(), apis.SystemNamespace, apis.ResolverName)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, shared.Kubeconfig(path, shared.Config.Host, token))
	return path
}

// running is the real program.
type running struct {
	address netip.AddrPort
	output  kit.Output
}

func (r *running) ask(t *testing.T, q dnsclient.Question) dnsclient.Answer {
	t.Helper()
	answer, err := dnsclient.Ask(t.Context(), r.address, q)
	require.NoError(t, err)
	return answer
}

// start runs the resolver with the controller's Corefile, on ports that are free here, and with the addresses that stand
// for servers replaced by those of real ones.
func start(t *testing.T, settings resolver.Settings, outside *server) *running {
	t.Helper()
	require.NoError(t, errShared)
	program := os.Getenv("RESOLVER")
	require.NotEmpty(t, program, "RESOLVER names the program, as `lab env` prints it")
	corefile, err := resolver.Corefile(settings)
	require.NoError(t, err)
	r := &running{address: kit.FreeAddress(t)}
	ready := kit.FreeAddress(t)
	file := filepath.Join(t.TempDir(), "Corefile")
	require.NoError(t, os.WriteFile(file, []byte(strings.NewReplacer(
		".:53 {", fmt.Sprintf(".:%d {", r.address.Port()),
		"pods verified", "pods verified\n        kubeconfig "+kubeconfig(t),
		"names data-spacer/data-space-names", "names data-spacer/data-space-names "+kubeconfig(t),
		outside.stand.String(), outside.address.String(),
		"health :8080", "health "+kit.FreeAddress(t).String(), "ready :8181", "ready "+ready.String(),
		"prometheus :9153", "prometheus "+kit.FreeAddress(t).String(),
	).Replace(corefile)), 0o600))

	command := exec.CommandContext(context.WithoutCancel(t.Context()), program, "-conf", file)
	command.Stdout, command.Stderr = &r.output, &r.output
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		require.NoError(t, command.Process.Signal(syscall.SIGKILL)) // a gentle end takes the health plugin's five seconds
		_ = command.Wait()
		require.NotContains(t, r.output.String(), "forbidden", "the manifest lacks a right")
	})
	if !assert.Eventually(t, func() bool {
		_, err := dnsclient.Ask(t.Context(), r.address, dnsclient.Question{Name: "ready.", Type: dnsmessage.TypeA})
		return err == nil && answers(t, "http://"+ready.String()+"/ready")
	}, time.Minute, 100*time.Millisecond, "it is ready") {
		require.FailNow(t, "the resolver is not ready", r.output.End())
	}
	return r
}

func answers(t *testing.T, url string) bool {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	require.NoError(t, response.Body.Close())
	return response.StatusCode == http.StatusOK
}

// server is a DNS server outside of the cluster that answers everything and remembers what it was asked.
type server struct {
	stand   netip.Addr // stands for it where no loopback address may be
	address netip.AddrPort
	mu      sync.Mutex
	names   []string
}

func newServer(t *testing.T) *server {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{stand: netip.MustParseAddr("198.51.100.53"), address: netip.MustParseAddrPort(conn.LocalAddr().String())}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.serve(conn)
	}()
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		<-done
	})
	return s
}

func (s *server) serve(conn net.PacketConn) {
	buffer := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		message := dnsmessage.Message{}
		if message.Unpack(buffer[:n]) != nil || len(message.Questions) != 1 {
			continue
		}
		question := message.Questions[0]
		s.mu.Lock()
		s.names = append(s.names, question.Name.String())
		s.mu.Unlock()
		message.Response, message.Additionals = true, nil
		message.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 5},
			Body:   &dnsmessage.AResource{A: [4]byte{198, 51, 100, 1}},
		}}
		if packed, err := message.Pack(); err == nil {
			_, _ = conn.WriteTo(packed, from)
		}
	}
}

func (s *server) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.names...)
}
