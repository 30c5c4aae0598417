package machine

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMain lets a test start this binary again, as a machine's first process or as one that only holds a lock.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Verb {
		Main(os.Args[2:], os.Stdin, os.Stdout)
		return
	}
	path := os.Getenv("TEST_HOLD_LOCK")
	if path == "" {
		m.Run()
		return
	}
	if err := hold(path); err != nil {
		os.Stdout.WriteString(err.Error())
		return
	}
	os.Stdout.WriteString("held\n")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test lets go
}

func holder(t *testing.T, path string) (pid int, release func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TEST_HOLD_LOCK="+path)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	said := make([]byte, 5)
	_, err = io.ReadFull(stdout, said)
	require.NoError(t, err)
	require.Equal(t, "held\n", string(said))
	return cmd.Process.Pid, func() {
		require.NoError(t, stdin.Close())
		require.NoError(t, cmd.Wait())
	}
}

func TestALockTellsWhoHoldsItForAsLongAsTheHolderLives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "machine.lock")
	pid, err := Find(path)
	require.NoError(t, err)
	require.Zero(t, pid, "there is no file yet")

	want, release := holder(t, path)
	pid, err = Find(path)
	require.NoError(t, err)
	require.Equal(t, want, pid)

	second := exec.Command(os.Args[0])
	second.Env = append(os.Environ(), "TEST_HOLD_LOCK="+path)
	out, err := second.Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "is the machine running already?")

	release()
	pid, err = Find(path)
	require.NoError(t, err)
	require.Zero(t, pid, "the file is there and nobody holds it")
}

func TestStoppingEndsTheHolderAndIsIdempotent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "machine.lock")
	require.NoError(t, Stop(t.Context(), path))
	pid, _ := holder(t, path)
	require.NoError(t, Stop(t.Context(), path))
	state, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	require.True(t, err != nil || strings.Contains(string(state), ") Z "), "process %d has ended", pid)
	require.NoError(t, Stop(t.Context(), path))
}

type discard struct{ bytes.Buffer }

func (*discard) Close() error { return nil }

func TestTheFirstProcessRefusesToBeAnOrdinaryOne(t *testing.T) {
	var out discard
	require.Equal(t, 2, Main([]string{"name", "lock"}, strings.NewReader(""), &out))
	require.Contains(t, out.String(), "use the verb up")
}

func TestASettingIsAFile(t *testing.T) {
	require.Equal(t, "/proc/sys/net/ipv4/ip_forward", sysctlPath("net.ipv4.ip_forward"))
}
