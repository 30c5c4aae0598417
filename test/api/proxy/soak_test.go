//go:build api

package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"

	"data-space.liqo.io/test/apiserver"
	"data-space.liqo.io/test/kit"
)

// callers send requests at the same time.
const callers = 12

// soaked is a proxy before an API server of its own, which is killed and started again, with callers whose answers are checked.
type soaked struct {
	*world
	bundle   string                // the CAs of clients
	cluster  []byte                // the first of them
	restarts []*exec.Cmd           // of the API server
	rounds   int                   // kills of the API server before which each caller had a good answer
	answers  atomic.Int64          // good ones
	served   [callers]atomic.Int64 // of each caller
	failures atomic.Int64          // requests without an answer, or refused while something restarts
	wrong    sync.Map              // answers with what is another's
	mu       sync.Mutex            // of ca
}

// authorities returns the certificates that the proxy has shown.
func (s *soaked) authorities() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ca)
}

func (s *soaked) authority(certificate []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ca = append(s.ca, certificate...)
}

// TestSoak runs a proxy for SOAK_SECONDS (3) under watch storms, while its certificate and the clients' CAs change and the API server is killed: no answer has
// what is another caller's, and neither goroutines nor memory nor open requests remain. SOAK_RACE builds the proxy with the race detector.
func TestSoak(t *testing.T) {
	seconds, err := strconv.Atoi(os.Getenv("SOAK_SECONDS"))
	if err != nil {
		seconds = 3
	}
	s := newSoaked(t)
	before := s.rest(t, 0, 1<<40) // what a proxy has that has served each kind of request
	ctx, stop := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second)
	defer stop()
	var group sync.WaitGroup
	for i := range callers {
		own := []string{guest, "rival"}[i%2]
		config, _ := s.user(t, fmt.Sprintf("user-%d-of-%s", i, own), own)
		group.Go(func() { s.storm(ctx, config, own, &s.served[i]) })
	}
	s.disturb(ctx, t)
	group.Wait()
	s.wrong.Range(func(what, _ any) bool { t.Error(what); return true })
	after := s.rest(t, before.goroutines+60, before.memory+(16<<20))
	t.Logf("%d s: %d answers, %d failures while something restarted or a certificate was new, %d restarts of the API server; goroutines %d then %d, memory %d MiB then %d MiB",
		seconds, s.answers.Load(), s.failures.Load(), len(s.restarts), before.goroutines, after.goroutines, before.memory>>20, after.memory>>20)
	require.Positive(t, s.answers.Load())
	require.GreaterOrEqual(t, s.rounds, min(2, seconds/30), "some caller had no good answer between two kills of the API server")
	require.NotContains(t, s.output.String(), "DATA RACE")
}

func newSoaked(t *testing.T) *soaked {
	t.Helper()
	server, err := apiserver.Start()
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() }) // its API server was killed; etcd ends
	dir := t.TempDir()
	s := &soaked{world: &world{Server: server, dir: dir, binary: filepath.Join(dir, "proxy"), output: &kit.Output{}}, bundle: filepath.Join(dir, "clients")}
	ctx := t.Context()
	if os.Getenv("SOAK_RACE") == "" {
		s.binary = newWorld(t).binary
	} else {
		out, err := exec.CommandContext(ctx, "go", "build", "-race", "-o", s.binary, "data-space.liqo.io/cmd/proxy").CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	require.NoError(t, server.InstallKinds(ctx, root+"/deploy/crds"))
	require.NoError(t, server.Apply(ctx, root+"/deploy/namespace.yaml", root+"/deploy/proxy/rights.yaml", root+"/deploy/proxy/proxy.yaml"))
	require.NoError(t, s.cast(ctx))
	cluster, err := s.Clients.CoreV1().ConfigMaps("kube-system").Get(ctx, "extension-apiserver-authentication", metav1.GetOptions{})
	require.NoError(t, err)
	s.cluster = []byte(cluster.Data["client-ca-file"] + "\n")
	require.NoError(t, os.WriteFile(s.bundle, s.cluster, 0o600))
	stop, err := s.start(ctx, "--client-ca-file="+s.bundle, "--audit-log-path="+filepath.Join(dir, "audit"))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, stop())
		for _, c := range s.restarts {
			_ = c.Process.Kill() // it may have ended
			_ = c.Wait()
		}
	})
	s.logFailure(t)
	config, _ := s.pharma(t)
	warm, end := context.WithTimeout(ctx, time.Second)
	defer end()
	s.storm(warm, config, guest, &s.answers)
	s.answers.Store(0)
	return s
}

// once returns a client, and a function that ends its connections, also those with requests that were given up.
func once(config *rest.Config) (client *http.Client, end func(), err error) {
	own, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	var all []net.Conn
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, c)
		}
		return c, err
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: own, ForceAttemptHTTP2: true, DialContext: dial}}, func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range all {
			_ = c.Close() // it may have ended
		}
	}, nil
}

// storm opens watches and drops them, lists, and asks who it is, until ctx ends. It records each object or identity of another guest as wrong.
func (s *soaked) storm(ctx context.Context, config *rest.Config, own string, served *atomic.Int64) {
	for i := 0; ctx.Err() == nil; i++ {
		config := rest.CopyConfig(config)
		config.CAData = s.authorities()
		client, end, err := once(config)
		if err != nil {
			s.wrong.Store(err.Error(), true)
			return
		}
		for range 5 {
			s.watch(ctx, client, own)
			if s.ask(ctx, client, http.MethodGet, "/api/v1/namespaces", "", func(body []byte) []string { return foreignNames(body, own) }) {
				served.Add(1)
			}
			s.ask(ctx, client, http.MethodPost, "/apis/authentication.k8s.io/v1/selfsubjectreviews", `{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`,
				func(body []byte) []string {
					if bytes.Contains(body, []byte(`"SelfSubjectReview"`)) && !bytes.Contains(body, []byte(`"`+own+`"`)) {
						return []string{"another identity: " + string(body)}
					}
					return nil
				})
		}
		end()
	}
}

// ask sends a request, and notes what is wrong in its answer. It reports whether the answer is good.
func (s *soaked) ask(ctx context.Context, client *http.Client, method, path, body string, wrong func([]byte) []string) bool {
	request, err := http.NewRequestWithContext(ctx, method, "https://"+s.address+path, strings.NewReader(body))
	if err != nil {
		return false
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		s.failures.Add(1)
		return false
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		s.failures.Add(1)
		return false
	}
	s.answers.Add(1)
	for _, what := range wrong(text) {
		s.wrong.Store(what, true)
	}
	return true
}

// allServed waits until each caller has a good answer again, or ctx ends: a soak in which nothing is answered shows nothing.
func (s *soaked) allServed(ctx context.Context, t *testing.T) {
	t.Helper()
	var before [callers]int64
	for i := range before {
		before[i] = s.served[i].Load()
	}
	require.Eventually(t, func() bool {
		for i := range before {
			if ctx.Err() == nil && s.served[i].Load() == before[i] {
				return false
			}
		}
		return true
	}, 3*waitLong, waitStep, "a caller has no good answer after the API server has started again")
}

// watch opens three watches at once and drops each after its first events.
func (s *soaked) watch(ctx context.Context, client *http.Client, own string) {
	ctx, stop := context.WithTimeout(ctx, 100*time.Millisecond)
	defer stop()
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.address+"/api/v1/namespaces?watch=1", nil)
			if err != nil {
				return
			}
			response, err := client.Do(request)
			if err != nil {
				return
			}
			defer response.Body.Close()
			var event struct{ Object json.RawMessage }
			for d := json.NewDecoder(response.Body); d.Decode(&event) == nil; {
				for _, what := range foreignNames(event.Object, own) {
					s.wrong.Store(what, true)
				}
			}
		})
	}
	group.Wait()
}

// foreignNames returns the namespaces in an answer that are not a guest's own.
func foreignNames(body []byte, own string) []string {
	var names []string
	for _, found := range regexp.MustCompile(`"kubernetes.io/metadata.name":"([^"]*)"`).FindAllSubmatch(body, -1) {
		if name := string(found[1]); !strings.HasPrefix(name, own+"-") {
			names = append(names, fmt.Sprintf("%s is shown to a user of %s", name, own))
		}
	}
	return names
}

// disturb changes credentials all the time, and kills the API server every 15 seconds, until ctx ends; then all is well again.
func (s *soaked) disturb(ctx context.Context, t *testing.T) {
	t.Helper()
	next := time.Now().Add(500 * time.Millisecond)
	for ctx.Err() == nil {
		require.NoError(t, s.rotate())
		if time.Now().After(next) {
			s.allServed(ctx, t)
			if ctx.Err() == nil {
				s.rounds++
			}
			s.restart(t)
			next = time.Now().Add(15 * time.Second)
		}
		time.Sleep(time.Second)
	}
	config, _ := s.pharma(t)
	config.CAData = s.authorities()
	client, end, err := once(config)
	require.NoError(t, err)
	defer end()
	after := context.WithoutCancel(ctx)
	require.Eventually(t, func() bool { // also after the API server has started once more
		return s.ask(after, client, http.MethodGet, "/api/v1/namespaces", "", func(body []byte) []string { return foreignNames(body, guest) })
	}, 3*waitLong, waitStep, "all is well again")
	s.rotated(t)
}

// rotate replaces the proxy's certificate.
func (s *soaked) rotate() error {
	certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", nil, nil)
	if err != nil {
		return err
	}
	s.authority(certificate)
	return errors.Join(os.WriteFile(filepath.Join(s.folder, "key"), key, 0o600), os.WriteFile(filepath.Join(s.folder, "crt"), certificate, 0o600))
}

// rotated has another CA sign clients, and withdraws it.
func (s *soaked) rotated(t *testing.T) {
	t.Helper()
	config := s.through(&rest.Config{})
	config.CAData = s.authorities()
	config.CertData, config.KeyData = otherCA(t, "rotated", "rival")
	code := func() int {
		client, end, err := once(config)
		require.NoError(t, err)
		defer end()
		response, err := client.Get(config.Host + "/api/v1/namespaces")
		if err != nil {
			return 0
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	require.Equal(t, http.StatusUnauthorized, code())
	require.NoError(t, os.WriteFile(s.bundle, append(slices.Clone(s.cluster), config.CertData...), 0o600))
	eventually(t, func() bool { return code() == http.StatusOK }, "the new CA's clients are served")
	require.NoError(t, os.WriteFile(s.bundle, s.cluster, 0o600))
	eventually(t, func() bool { return code() == http.StatusUnauthorized }, "and not any more")
}

// restart kills the API server and starts it again with the same arguments.
func (s *soaked) restart(t *testing.T) {
	t.Helper()
	var args []string
	if len(s.restarts) > 0 {
		last := s.restarts[len(s.restarts)-1]
		require.NoError(t, last.Process.Kill())
		_ = last.Wait() // it was killed
		args = last.Args
	} else {
		pid, line := s.apiServer(t)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		args = line
	}
	again := exec.Command(args[0], args[1:]...)
	eventually(t, func() bool { return !s.listens() }, "the API server has ended")
	require.NoError(t, again.Start())
	s.restarts = append(s.restarts, again)
}

// host is host:port of the API server.
func (s *soaked) host() string {
	return strings.Trim(strings.TrimPrefix(s.Config.Host, "https:"), "/")
}

func (s *soaked) listens() bool {
	c, err := tls.Dial("tcp", s.host(), &tls.Config{InsecureSkipVerify: true})
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}

// apiServer returns the API server's process and arguments.
func (s *soaked) apiServer(t *testing.T) (int, []string) {
	t.Helper()
	_, port, err := net.SplitHostPort(s.host())
	require.NoError(t, err)
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		args := strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
		if err == nil && filepath.Base(args[0]) == "kube-apiserver" && slices.Contains(args, "--secure-port="+port) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			require.NoError(t, err)
			return pid, args
		}
	}
	require.Fail(t, "the API server is not among the processes")
	return 0, nil
}

// held is what a proxy holds. Its memory is the heap's, in bytes: of resident memory, Go keeps what was free once, and the race detector more.
type held struct{ goroutines, memory, open int }

// rest waits until a proxy without requests has at most so many goroutines (0: any number) and bytes of memory. Go collects garbage every two minutes at least.
func (s *soaked) rest(t *testing.T, goroutines, memory int) held {
	t.Helper()
	var now held
	value := func(text []byte, name string) int {
		found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(text)
		require.NotNil(t, found, name)
		number, err := strconv.ParseFloat(string(found[1]), 64)
		require.NoError(t, err)
		return int(number)
	}
	require.Eventually(t, func() bool {
		response, err := http.Get("http://" + s.metrics + "/metrics")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			return false
		}
		now = held{value(text, "go_goroutines"), value(text, "go_memstats_heap_alloc_bytes"), value(text, "data_space_proxy_open_requests")}
		return now.open == 0 && (goroutines == 0 || now.goroutines <= goroutines) && now.memory <= memory
	}, 6*waitLong, 100*time.Millisecond, "more than %d goroutines and %d bytes remain: %+v", goroutines, memory, &now)
	return now
}
