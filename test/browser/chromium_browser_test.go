//go:build browser

package browser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// chromium is a browser that is steered by the DevTools protocol, over pipes. Its files are those that "lab browser" has fetched.
type chromium struct {
	t       *testing.T
	root    string
	in      *os.File
	out     *bufio.Reader
	serial  int
	session string
	events  []message // that came while an answer was waited for
}

type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct{ Message string }
}

// patience bounds the whole test: a browser that hangs is killed.
const patience = 5 * time.Minute

func newChromium(t *testing.T) *chromium {
	t.Helper()
	files := os.Getenv("BROWSER")
	require.DirExists(t, files, "set BROWSER: eval \"$(lab browser)\" fetches Chromium and prints the assignment")
	c := &chromium{t: t, root: t.TempDir()}
	c.mount(files, "", "", unix.MS_BIND)
	c.mount("/dev", "dev", "", unix.MS_BIND|unix.MS_REC)
	c.mount("none", "dev/shm", "tmpfs", 0)
	c.mount("proc", "proc", "proc", 0)
	c.mount("none", "tmp", "tmpfs", 0)
	toBrowser, in, err := os.Pipe()
	require.NoError(t, err)
	out, fromBrowser, err := os.Pipe()
	require.NoError(t, err)
	// Its own sandbox needs an account for it; what it shows is ours, and test/isolated gives it no network.
	command := exec.CommandContext(t.Context(), "/usr/lib/chromium/chromium-headless-shell", "--no-sandbox", "--remote-debugging-pipe", "--disable-gpu", "--hide-scrollbars",
		"--user-data-dir=/tmp/profile", "--no-first-run", "about:blank")
	command.ExtraFiles = []*os.File{toBrowser, fromBrowser}
	command.SysProcAttr = &syscall.SysProcAttr{Chroot: c.root}
	command.Dir, command.Env = "/tmp", []string{"HOME=/tmp", "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"}
	var complaints bytes.Buffer
	command.Stderr = &complaints
	require.NoError(t, command.Start())
	watchdog := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
	t.Cleanup(func() {
		watchdog.Stop()
		_ = command.Process.Kill() // it may have ended
		_ = command.Wait()
		_ = in.Close()
		_ = out.Close()
		if t.Failed() {
			t.Logf("the browser wrote: %s", complaints.String())
		}
	})
	require.NoError(t, toBrowser.Close())
	require.NoError(t, fromBrowser.Close())
	c.in, c.out = in, bufio.NewReader(out)
	return c
}

func (c *chromium) mount(from, at, kind string, flags uintptr) {
	c.t.Helper()
	to := filepath.Join(c.root, at)
	require.NoError(c.t, os.MkdirAll(to, 0o755))
	require.NoError(c.t, unix.Mount(from, to, kind, flags, ""), "mount %s", to)
	c.t.Cleanup(func() { require.NoError(c.t, unix.Unmount(to, unix.MNT_DETACH)) })
}

// call sends a command, waits for its answer, and reads it into a value; nil: it is not of interest.
func (c *chromium) call(method string, params map[string]any, into any) {
	c.t.Helper()
	c.serial++
	command := map[string]any{"id": c.serial, "method": method, "params": params}
	if c.session != "" {
		command["sessionId"] = c.session
	}
	text, err := json.Marshal(command)
	require.NoError(c.t, err)
	_, err = c.in.Write(append(text, 0))
	require.NoError(c.t, err)
	for {
		m := c.next()
		if m.ID != c.serial {
			c.events = append(c.events, m)
			continue
		}
		require.Nil(c.t, m.Error, "%s: %+v", method, m.Error)
		if into != nil {
			require.NoError(c.t, json.Unmarshal(m.Result, into))
		}
		return
	}
}

func (c *chromium) next() (m message) {
	c.t.Helper()
	text, err := c.out.ReadBytes(0)
	require.NoError(c.t, err, "the browser has ended")
	require.NoError(c.t, json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m))
	return m
}

// await reads until an event has come.
func (c *chromium) await(method string) {
	c.t.Helper()
	for {
		for i, m := range c.events {
			if m.Method == method {
				c.events = append(c.events[:i:i], c.events[i+1:]...)
				return
			}
		}
		c.events = append(c.events, c.next())
	}
}

// open shows a page in a tab of its own.
func (c *chromium) open(html string) {
	c.t.Helper()
	require.NoError(c.t, os.WriteFile(filepath.Join(c.root, "tmp", "page.html"), []byte(html), 0o600))
	var target struct{ TargetID, SessionID string }
	c.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	c.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &target)
	c.session = target.SessionID
	for _, domain := range []string{"Page", "Log", "Runtime", "Network"} {
		c.call(domain+".enable", nil, nil)
	}
	c.call("Page.navigate", map[string]any{"url": "file:///tmp/page.html"}, nil)
	c.await("Page.loadEventFired")
}

// value returns what an expression of JavaScript is, as JSON.
func (c *chromium) value(expression string, into any) {
	c.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails any
	}
	c.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &answer)
	require.Nil(c.t, answer.ExceptionDetails, "%s", expression)
	require.NoError(c.t, json.Unmarshal(answer.Result.Value, into))
}
