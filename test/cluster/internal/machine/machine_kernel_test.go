//go:build kernel

package machine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// boots makes a machine and boots it with what change adds to its spec. It ends with the test.
func boots(t *testing.T, change func(*Spec)) (m *Machine, lock string) {
	t.Helper()
	lock = filepath.Join(t.TempDir(), "lock")
	m, err := Create("testbox", lock)
	require.NoError(t, err)
	t.Cleanup(func() { // the test's own context has ended by then
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		require.NoError(t, Stop(ctx, lock))
	})
	spec := Spec{Name: "testbox", LogDir: t.TempDir()}
	change(&spec)
	require.NoError(t, m.Boot(spec))
	return m, lock
}

// says runs a shell command on the machine.
func says(t *testing.T, m *Machine, scope Scope, script string) string {
	t.Helper()
	var out strings.Builder
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, Run(m.Pid, scope, cmd), out.String())
	return strings.TrimSpace(out.String())
}

func TestAMachineIsAComputerOfItsOwn(t *testing.T) {
	private, shared := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(private, "file"), []byte("mine"), 0o644))
	panicOutside, err := os.ReadFile("/proc/sys/kernel/panic")
	require.NoError(t, err)
	m, lock := boots(t, func(s *Spec) {
		s.Binds = []Bind{{From: private, To: shared}}
		s.Sysctls = map[string]string{"net.ipv4.ip_forward": "1"}
	})

	pid, err := Find(lock)
	require.NoError(t, err)
	require.Equal(t, m.Pid, pid)
	require.Equal(t, "testbox", says(t, m, Everything, "hostname"))
	require.Equal(t, "lo", says(t, m, Everything, "sed -n 's/^ *\\([a-z0-9]*\\):.*/\\1/p' /proc/net/dev"))
	require.Contains(t, says(t, m, Everything, "cat /proc/1/cmdline"), "testbox")
	require.Equal(t, "mine", says(t, m, Everything, "cat "+shared+"/file"))
	require.Equal(t, "1", says(t, m, Everything, "cat /proc/sys/net/ipv4/ip_forward"))
	require.NoFileExists(t, filepath.Join(shared, "file"), "the bind is not seen outside")
	require.Equal(t, strings.TrimSpace(string(panicOutside)), says(t, m, Everything, "cat /proc/sys/kernel/panic"))
}

func TestMountsMadeOnAMachineStayThere(t *testing.T) {
	dir := t.TempDir()
	m, _ := boots(t, func(*Spec) {})
	says(t, m, Everything, "mount -t tmpfs none "+dir+" && touch "+dir+"/file")
	require.NoFileExists(t, filepath.Join(dir, "file"))
}

func TestAPretendedSettingReadsAsGivenAndLeavesTheKernelAlone(t *testing.T) {
	before, err := os.ReadFile("/proc/sys/kernel/panic")
	require.NoError(t, err)
	run := t.TempDir() // the machine's /run, where the pretended values lie
	m, _ := boots(t, func(s *Spec) {
		s.Binds = []Bind{{From: run, To: "/run"}}
		s.Pretended = map[string]string{"kernel.panic": "1234"}
	})
	require.Equal(t, "1234", says(t, m, Everything, "cat /proc/sys/kernel/panic"))
	after, err := os.ReadFile("/proc/sys/kernel/panic")
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}

func TestInTheNetworkScopeFilesAndProcessesAreTheCallers(t *testing.T) {
	m, _ := boots(t, func(*Spec) {})
	require.NotEqual(t, "testbox", says(t, m, Network, "hostname"))
	require.Equal(t, "lo", says(t, m, Network, "sed -n 's/^ *\\([a-z0-9]*\\):.*/\\1/p' /proc/net/dev"))
}

func TestAProgramThatEndsIsStartedAgain(t *testing.T) {
	marks := filepath.Join(t.TempDir(), "marks")
	_, _ = boots(t, func(s *Spec) {
		s.Programs = []Program{{Name: "mark", Path: "/bin/sh", Args: []string{"-c", "echo x >>" + marks}}}
	})
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(marks)
		require.True(t, err == nil || errors.Is(err, fs.ErrNotExist))
		return strings.Count(string(text), "x") > 1
	}, 30*time.Second, 50*time.Millisecond)
}

func TestAMachineEndsWithItsMakerUnlessItIsKept(t *testing.T) {
	ended := func(lock string) func() bool {
		return func() bool {
			pid, err := Find(lock)
			require.NoError(t, err)
			return pid == 0
		}
	}
	t.Run("before it has a spec", func(t *testing.T) {
		lock := filepath.Join(t.TempDir(), "lock")
		m, err := Create("testbox", lock)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return !ended(lock)() }, 30*time.Second, 10*time.Millisecond)
		require.NoError(t, m.orders.Close())
		require.Eventually(t, ended(lock), 30*time.Second, 10*time.Millisecond)
	})
	t.Run("after it has booted", func(t *testing.T) {
		m, lock := boots(t, func(s *Spec) {
			s.Programs = []Program{{Name: "sleep", Path: "/bin/sleep", Args: []string{"1000"}}}
		})
		require.NoError(t, m.orders.Close())
		require.Eventually(t, ended(lock), 30*time.Second, 10*time.Millisecond)
	})
	t.Run("but not when it is kept", func(t *testing.T) {
		m, lock := boots(t, func(*Spec) {})
		require.NoError(t, m.Keep())
		require.Never(t, ended(lock), time.Second, 50*time.Millisecond)
	})
}

func TestABootThatFailsSaysWhy(t *testing.T) {
	lock := filepath.Join(t.TempDir(), "lock")
	m, err := Create("testbox", lock)
	require.NoError(t, err)
	err = m.Boot(Spec{Name: "testbox", LogDir: t.TempDir(), Binds: []Bind{{From: "/does/not/exist", To: "/run"}}})
	require.ErrorContains(t, err, "bind /does/not/exist to /run: no such file or directory")
}
