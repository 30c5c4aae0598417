//go:build transparent

package transparent

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/test/kit"
)

// server is a program that listens, and the clients that talk to it.
type server struct {
	name    string
	run     string // a shell command
	ports   []int  // it is ready when it listens on all of them
	ready   string // and when this command succeeds
	log     string // the file of what it saw, beside what it prints
	module  bool   // it is for proxies whose module reads along only
	clients []client
}

// client is a program that talks to the server and ends.
type client struct{ name, run string }

// route is one way from a client to a server.
type route struct {
	name     direction
	from, to *place
	root     root // where the clients run
	server   root // where the server runs
}

// TestRealPrograms runs every client against every server from an ordinary pod to an ordinary one, and on every route that
// passes a proxy. What the clients print, how they end and what the servers log is the same, but for the listed differences.
func TestRealPrograms(t *testing.T) {
	shared := prepare(t)
	w := newWorldWith(t, envoy.Settings{Reader: reader(t)})
	routes := newRoutes(t, w, shared)
	var seen []sighting
	for _, s := range servers() {
		if s.module && reader(t) == "" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			logs := make([]transcript, len(routes))
			t.Run("runs", func(t *testing.T) {
				for _, lane := range []*place{w.server, w.guest} { // two routes share a server's pod: one after the other
					t.Run(lane.name, func(t *testing.T) {
						t.Parallel()
						for i, r := range routes {
							if r.to == lane {
								logs[i] = r.play(t, s)
							}
						}
					})
				}
			})
			for i, r := range routes[1:] {
				seen = append(seen, compare(s, r.name, logs[0], logs[i+1])...)
			}
		})
	}
	judge(t, seen)
}

// reader returns the module that reads along, unless the environment's PROXY_READER asks for the codec.
func reader(t *testing.T) string {
	t.Helper()
	if os.Getenv("PROXY_READER") == "codec" {
		return ""
	}
	return kit.Follower(t)
}

func newRoutes(t *testing.T, w *world, shared string) []route {
	for _, p := range []*place{w.server, w.guest} {
		within(t, p.ns, func() { kit.Sysctl(t, "net/ipv4/ip_unprivileged_port_start", "0") })
	}
	servers := map[*place]root{w.server: newRoot(t, shared, nil), w.guest: newRoot(t, shared, nil)}
	var all []route
	for _, r := range []route{
		{name: ordinary, from: w.ordinary, to: w.server}, {name: out, from: w.foreign, to: w.server},
		{name: into, from: w.ordinary, to: w.guest}, {name: between, from: w.foreign, to: w.guest},
	} {
		r.root, r.server = newRoot(t, shared, r.to), servers[r.to]
		all = append(all, r)
	}
	return all
}

// prepare makes the directory that all programs see as /srv: scripts, and what is built from source.
func prepare(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	require.NoError(t, os.CopyFS(dir, os.DirFS("programs")))
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "peer"), "./peer")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	text, err := build.CombinedOutput()
	require.NoError(t, err, string(text))
	build = exec.Command("go", "build", "-C", "h2spec", "-o", filepath.Join(dir, "h2spec"), "github.com/summerwind/h2spec/cmd/h2spec")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	text, err = build.CombinedOutput()
	require.NoError(t, err, string(text))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "made"), 0o777))
	require.NoError(t, os.Chmod(filepath.Join(dir, "made"), 0o777))
	command := &exec.Cmd{Path: "/bin/sh", Args: []string{"sh", "-e", "/srv/prepare.sh"}, SysProcAttr: &syscall.SysProcAttr{}}
	text, err = newRoot(t, dir, nil).command(command).CombinedOutput()
	require.NoError(t, err, string(text))
	return dir
}

func credential() *syscall.Credential { return &syscall.Credential{Uid: appUser, Gid: appUser} }

// shell prepares a shell command of a pod.
func (r route) shell(p *place, in root, line string) *exec.Cmd {
	return in.command(p.command("/bin/sh", "-c", line))
}

// play starts the server, runs its clients, and ends the server.
func (r route) play(t *testing.T, s server) transcript {
	t.Helper()
	log := filepath.Join(r.server.dir, "tmp", "log")
	require.NoError(t, os.WriteFile(log, nil, 0o666))
	require.NoError(t, os.Chmod(log, 0o666))
	stop := r.serve(t, s)
	got := transcript{}
	for _, c := range s.clients {
		got[c.name] = r.normal(r.client(t, c))
	}
	printed := stop()
	written, err := os.ReadFile(log)
	require.NoError(t, err)
	got[serverLog] = r.normal(printed + string(written))
	keep(t, s, r, got)
	return got
}

// serve starts the server. The function that it returns ends the server, and returns what it has printed.
func (r route) serve(t *testing.T, s server) (stop func() string) {
	t.Helper()
	command, output := r.shell(r.to, r.server, "exec "+s.run), &kit.Output{}
	command.Stdout, command.Stderr = output, output
	command.WaitDelay = waitLong
	require.NoError(t, r.to.ns.Do(command.Start))
	done := make(chan struct{})
	go func() { _ = command.Wait(); close(done) }()
	end := func(signal syscall.Signal) { _ = syscall.Kill(-command.Process.Pid, signal) }
	t.Cleanup(func() { end(syscall.SIGKILL); <-done })
	deadline := time.Now().Add(3 * waitLong)
	for !r.isReady(s) {
		select {
		case <-done:
			require.Fail(t, "the server has ended: "+s.name, output.End())
		case <-time.After(5 * waitStep):
		}
		require.True(t, time.Now().Before(deadline), "the server %s does not get ready: %s", s.name, output.End())
	}
	return func() string {
		end(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			end(syscall.SIGKILL)
			<-done
		}
		return output.String()
	}
}

func (r route) isReady(s server) bool {
	for _, port := range s.ports {
		if !r.listens(port) {
			return false
		}
	}
	return s.ready == "" || r.to.ns.Do(func() error { return r.shell(r.to, r.server, s.ready).Run() }) == nil
}

// listens reports whether a socket of the server's pod listens on the port. No connection is made: a server would log it.
func (r route) listens(port int) bool {
	found := false
	_ = r.to.ns.Do(func() error {
		for _, file := range []string{"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"} {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			for line := range strings.Lines(string(text)) {
				f := strings.Fields(line)
				found = found || len(f) > 3 && f[3] == "0A" && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port))
			}
		}
		return nil
	})
	return found
}

// client runs a client to its end, and returns all that it showed.
func (r route) client(t *testing.T, c client) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*waitLong)
	defer cancel()
	command, stdout, stderr := r.shell(r.from, r.root, c.run), &bytes.Buffer{}, &bytes.Buffer{}
	command.Stdout, command.Stderr, command.WaitDelay = stdout, stderr, waitLong
	require.NoError(t, r.from.ns.Do(command.Start))
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) })
	defer stop()
	_ = command.Wait()
	return fmt.Sprintf("exit %d\n%s\nstderr:\n%s", command.ProcessState.ExitCode(), stdout, stderr)
}
