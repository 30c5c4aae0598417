package cniconf_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/cniconf"
	"data-space.liqo.io/pkg/values/gate"
)

const bridge = `{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"bridge"}]}`

// node is a node's two folders, and the plugin to be installed.
type node struct {
	*cniconf.Chain
	t        *testing.T
	restored atomic.Int32
}

func newNode(t *testing.T) *node {
	t.Helper()
	root := t.TempDir()
	n := &node{t: t, Chain: &cniconf.Chain{
		Conf: filepath.Join(root, "net.d"), Bin: filepath.Join(root, "bin"), Source: filepath.Join(root, "cni"),
		Entry: gate.NewEntry([]string{"kube-system"}, false), Log: slog.New(slog.DiscardHandler),
	}}
	n.Restored = func() { n.restored.Add(1) }
	require.NoError(t, os.Mkdir(n.Conf, 0o755))
	require.NoError(t, os.Mkdir(n.Bin, 0o755))
	require.NoError(t, os.WriteFile(n.Source, []byte("program 1"), 0o600))
	return n
}

func (n *node) write(name, text string) {
	n.t.Helper()
	require.NoError(n.t, os.WriteFile(filepath.Join(n.Conf, name), []byte(text), 0o640))
}

func (n *node) read(name string) string {
	n.t.Helper()
	text, err := os.ReadFile(filepath.Join(n.Conf, name))
	require.NoError(n.t, err)
	return string(text)
}

func (n *node) files() []string {
	n.t.Helper()
	entries, err := os.ReadDir(n.Conf)
	require.NoError(n.t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (n *node) binary() string { return filepath.Join(n.Bin, gate.PluginType) }

// keep runs Keep until the test ends, or stop is called.
func (n *node) keep() (stop func()) {
	n.t.Helper()
	ctx, cancel := context.WithCancel(n.t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Keep(ctx) }()
	var once atomic.Bool
	stop = func() {
		cancel()
		if once.CompareAndSwap(false, true) {
			require.NoError(n.t, <-done)
		}
	}
	n.t.Cleanup(stop)
	return stop
}

func (n *node) in(name string) bool {
	text, err := os.ReadFile(filepath.Join(n.Conf, name))
	return err == nil && strings.Contains(string(text), gate.PluginType)
}

func (n *node) soon(what string, is func() bool) {
	n.t.Helper()
	require.Eventually(n.t, is, 30*time.Second, time.Millisecond, what)
}

func TestInstallAndUninstallLeaveTheNodeAsItWas(t *testing.T) {
	n := newNode(t)
	n.write("10-a.conflist", bridge)
	n.write("20-b.conflist", `{"name":"other","plugins":[{"type":"x"}]}`)

	changed, err := n.Install()
	require.NoError(t, err)
	require.Equal(t, []string{n.binary(), filepath.Join(n.Conf, "10-a.conflist")}, changed)
	require.True(t, n.in("10-a.conflist"))
	require.False(t, n.in("20-b.conflist"), "only the active one")
	info, err := os.Stat(filepath.Join(n.Conf, "10-a.conflist"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode())
	info, err = os.Stat(n.binary())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755), info.Mode())

	changed, err = n.Install()
	require.NoError(t, err)
	require.Empty(t, changed, "a second time changes nothing")

	changed, err = n.Uninstall()
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(n.Conf, "10-a.conflist"), n.binary()}, changed, "the entry first, the plugin last")
	require.Equal(t, bridge, n.read("10-a.conflist")) //nolint:testifylint // to the byte
	require.NoFileExists(t, n.binary())
	require.Equal(t, []string{"10-a.conflist", "20-b.conflist"}, n.files())

	changed, err = n.Uninstall()
	require.NoError(t, err)
	require.Empty(t, changed)
}

func TestTheConfigurationOfOnePluginBecomesAListAndComesBack(t *testing.T) {
	n := newNode(t)
	const single = `{"cniVersion":"0.4.0","name":"n","type":"bridge"}`
	n.write("10-a.conf", single)
	_, err := n.Install()
	require.NoError(t, err)
	require.Equal(t, []string{"10-a.conf.conflist", "10-a.conf.data-spacer"}, n.files())
	require.True(t, n.in("10-a.conf.conflist"))

	const newer = `{"cniVersion":"0.4.0","name":"n","type":"bridge","mtu":9000}`
	n.write("10-a.conf", newer)
	_, err = n.Install()
	require.NoError(t, err)
	require.Contains(t, n.read("10-a.conf.conflist"), "9000")
	changed, err := n.Install()
	require.NoError(t, err)
	require.Empty(t, changed)

	_, err = n.Uninstall()
	require.NoError(t, err)
	require.Equal(t, []string{"10-a.conf"}, n.files())
	require.Equal(t, newer, n.read("10-a.conf")) //nolint:testifylint // to the byte
}

func TestWhatCannotBeEditedIsLeftAlone(t *testing.T) {
	n := newNode(t)
	_, err := n.Install()
	require.ErrorIs(t, err, cniconf.ErrNone)
	require.FileExists(t, n.binary(), "the plugin is there before any configuration names it")

	n.write("10-a.conflist", `{"name":`)
	_, err = n.Install()
	require.ErrorContains(t, err, "not valid JSON")
	require.Equal(t, `{"name":`, n.read("10-a.conflist"))

	require.NoError(t, os.Remove(filepath.Join(n.Conf, "10-a.conflist")))
	n.write("real", bridge)
	require.NoError(t, os.Symlink("real", filepath.Join(n.Conf, "10-a.conflist")))
	_, err = n.Install()
	require.ErrorContains(t, err, "symlink")

	n.Source += "-missing"
	_, err = n.Install()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Error(t, n.Keep(t.Context()), "a keeper without a plugin to install says so at once")
}

func TestNoFolderIsCreated(t *testing.T) {
	n := newNode(t)
	require.NoError(t, os.Remove(n.Bin))
	n.write("10-a.conflist", bridge)
	_, err := n.Install()
	require.ErrorContains(t, err, "--cni-bin-dir")
	require.NoDirExists(t, n.Bin)
	require.False(t, n.in("10-a.conflist"), "an entry without its plugin would stop every pod")

	n = newNode(t)
	require.NoError(t, os.Remove(n.Conf))
	_, err = n.Install()
	require.ErrorIs(t, err, cniconf.ErrNone)
	require.NoDirExists(t, n.Conf)
}

func TestAnUninstallThatFailsKeepsThePlugin(t *testing.T) {
	n := newNode(t)
	n.write("10-a.conflist", bridge)
	_, err := n.Install()
	require.NoError(t, err)
	require.NoError(t, os.Symlink("10-a.conflist", filepath.Join(n.Conf, "20-b.conflist")))
	_, err = n.Uninstall()
	require.ErrorContains(t, err, "stays until no configuration names it")
	require.FileExists(t, n.binary())
	require.False(t, n.in("10-a.conflist"))
}

func TestThePluginIsPutBackWithinASecond(t *testing.T) {
	n := newNode(t)
	n.write("10-a.conflist", bridge)
	stop := n.keep()
	n.soon("installed", func() bool { return n.in("10-a.conflist") })
	require.Zero(t, n.restored.Load(), "the first time nothing is restored")

	n.write("10-a.conflist", bridge)
	n.soon("rewritten in place", func() bool { return n.in("10-a.conflist") })

	n.write(".new", `{"name":"n2","plugins":[{"type":"ptp"}]}`)
	require.NoError(t, os.Rename(filepath.Join(n.Conf, ".new"), filepath.Join(n.Conf, "10-a.conflist")))
	n.soon("replaced", func() bool { return n.in("10-a.conflist") })
	require.Contains(t, n.read("10-a.conflist"), "ptp", "the other tool's text is kept")

	n.write("05-first.conflist", bridge)
	n.soon("another one comes before it", func() bool { return n.in("05-first.conflist") })

	require.NoError(t, os.RemoveAll(n.Conf))
	require.NoError(t, os.Mkdir(n.Conf, 0o755))
	n.write("10-a.conflist", bridge)
	n.soon("the folder is made anew", func() bool { return n.in("10-a.conflist") })
	time.Sleep(600 * time.Millisecond) // the new folder is watched from the next look on
	n.write("10-a.conflist", bridge)
	n.soon("and watched", func() bool { return n.in("10-a.conflist") })

	require.NoError(t, os.Remove(n.binary()))
	n.soon("the plugin's file", func() bool { _, err := os.Stat(n.binary()); return err == nil })
	n.soon("each time is counted", func() bool { return n.restored.Load() >= 5 })

	stop()
	require.True(t, n.in("10-a.conflist"), "the end of the keeper changes nothing")
	require.FileExists(t, n.binary())
}

func TestTheFirstConfigurationIsWaitedFor(t *testing.T) {
	n := newNode(t)
	n.keep()
	n.soon("the plugin's file", func() bool { _, err := os.Stat(n.binary()); return err == nil })
	n.write("10-a.conflist", bridge[:20])
	time.Sleep(50 * time.Millisecond)
	n.write("10-a.conflist", bridge)
	n.soon("half written, then whole", func() bool { return n.in("10-a.conflist") })
}

// Another tool that keeps rewriting its file never loses a text to the keeper, and the entry is there in the end.
func TestNothingThatOthersWriteIsLost(t *testing.T) {
	n := newNode(t)
	n.write("10-a.conflist", bridge)
	n.keep()
	for i := range 300 {
		name := strings.Repeat("x", i+1)
		n.write(".new", `{"name":"`+name+`","plugins":[{"type":"ptp"}]}`)
		require.NoError(t, os.Rename(filepath.Join(n.Conf, ".new"), filepath.Join(n.Conf, "10-a.conflist")))
		if i%3 == 0 {
			time.Sleep(time.Millisecond)
		}
		n.soon(name, func() bool { return strings.Contains(n.read("10-a.conflist"), `"`+name+`"`) })
	}
	n.soon("in the end", func() bool { return n.in("10-a.conflist") })
	n.soon("no draft is left", func() bool { return len(n.files()) == 1 })
}
