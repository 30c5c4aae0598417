package kit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
)

// Identity is where and as whom a process runs.
type Identity struct {
	NS     *netns.Namespace `json:"-"`
	Cgroup Cgroup           // zero: the test's own
	UID    uint32
	GID    uint32
	// Keep leaves only these capabilities (unix.CAP_...), as a container's runtime does. nil: all that the user has.
	Keep []int
}

// ContainerCapabilities are what containerd and CRI-O give to root in a container by default and that the network stack
// asks for.
func ContainerCapabilities() []int {
	return []int{unix.CAP_NET_RAW, unix.CAP_NET_BIND_SERVICE, unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_KILL, unix.CAP_SYS_CHROOT, unix.CAP_DAC_OVERRIDE, unix.CAP_CHOWN, unix.CAP_FOWNER, unix.CAP_SETPCAP}
}

const (
	roleVariable     = "DATA_SPACER_TEST_ROLE"     // which of the two: become, act
	identityVariable = "DATA_SPACER_TEST_IDENTITY" // for become
	// answerTime is how long a request may take before the test gives up on the process.
	answerTime = 20 * time.Second
)

// Main is what TestMain calls: the test binary is also the program that runs inside namespaces.
func Main(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "become":
		become(os.Getenv(identityVariable))
	case "act":
		act(os.Stdin, os.Stdout)
	default:
		m.Run() // the generated main exits with its result
	}
}

// Actor is a process of the test binary that does on the network what it is told. Safe for concurrent use.
type Actor struct {
	t       testing.TB
	command *exec.Cmd
	input   io.WriteCloser

	mu      sync.Mutex
	last    int
	waiting map[int]chan answer
}

type request struct {
	ID   int
	Op   string
	Args json.RawMessage
}

type answer struct {
	ID     int
	Result json.RawMessage
	Err    string
}

// NewActor starts an actor. It ends with the test, or by Stop.
func NewActor(tb testing.TB, id Identity) *Actor {
	tb.Helper()
	requireRoot(tb)
	self, err := os.Executable()
	require.NoError(tb, err)
	a := &Actor{t: tb, waiting: map[int]chan answer{}, command: exec.Command(self)}
	a.command.Stderr = os.Stderr
	identity, err := json.Marshal(id)
	require.NoError(tb, err)
	a.command.Env = append(os.Environ(), roleVariable+"=become", identityVariable+"="+string(identity))
	a.command.SysProcAttr = &syscall.SysProcAttr{}
	if id.Cgroup.Dir != "" {
		dir, err := os.Open(id.Cgroup.Dir)
		require.NoError(tb, err)
		defer dir.Close()
		a.command.SysProcAttr.UseCgroupFD, a.command.SysProcAttr.CgroupFD = true, int(dir.Fd())
	}
	a.input, err = a.command.StdinPipe()
	require.NoError(tb, err)
	output, err := a.command.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, id.NS.Do(a.command.Start))
	go a.listen(output)
	tb.Cleanup(a.Stop)
	require.NoError(tb, a.call("hello", struct{}{}, nil))
	return a
}

// Stop ends the process, as SIGKILL does, and waits for its end.
func (a *Actor) Stop() {
	if a.command.ProcessState == nil {
		_ = a.command.Process.Kill()
		_ = a.command.Wait()
	}
}

// PID is the process's.
func (a *Actor) PID() int { return a.command.Process.Pid }

// call sends a request and waits for the answer. It fails the test if there is none.
func (a *Actor) call(op string, args, result any) error {
	a.t.Helper()
	raw, err := json.Marshal(args)
	require.NoError(a.t, err)
	a.mu.Lock()
	a.last++
	id, ready := a.last, make(chan answer, 1)
	a.waiting[id] = ready
	err = json.NewEncoder(a.input).Encode(request{ID: id, Op: op, Args: raw})
	a.mu.Unlock()
	require.NoError(a.t, err, "send %s to the process", op)
	select {
	case got, open := <-ready:
		require.True(a.t, open, "the process ended before it answered %s", op)
		if result != nil && got.Err == "" {
			require.NoError(a.t, json.Unmarshal(got.Result, result))
		}
		return asError(got.Err)
	case <-time.After(answerTime):
		require.FailNow(a.t, "the process did not answer "+op)
		return nil
	}
}

func (a *Actor) listen(output io.Reader) {
	for answers := json.NewDecoder(output); ; {
		var got answer
		if answers.Decode(&got) != nil {
			break
		}
		a.mu.Lock()
		if ready, ok := a.waiting[got.ID]; ok {
			ready <- got
			delete(a.waiting, got.ID)
		}
		a.mu.Unlock()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, ready := range a.waiting {
		close(ready)
		delete(a.waiting, id)
	}
}

// become takes on what an identity says of user and capabilities, and starts this program anew as that. Only the calling
// thread changes; it is the one that starts anew. The path is one that any user can follow.
func become(identity string) {
	runtime.LockOSThread()
	var id Identity
	err := json.Unmarshal([]byte(identity), &id)
	for c := 0; c <= unix.CAP_LAST_CAP && id.Keep != nil; c++ {
		if !slices.Contains(id.Keep, c) {
			_ = unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0) // one that this kernel does not know
		}
	}
	err = errors.Join(err, thread(unix.SYS_SETGROUPS, 0, 0, 0),
		thread(unix.SYS_SETRESGID, id.GID, id.GID, id.GID), thread(unix.SYS_SETRESUID, id.UID, id.UID, id.UID),
		os.Setenv(roleVariable, "act"))
	if err == nil {
		err = unix.Exec("/proc/self/exe", os.Args, os.Environ())
	}
	fmt.Fprintf(os.Stderr, "become %s: %v\n", identity, err)
}

// thread makes a system call for the calling thread alone.
func thread(call uintptr, a, b, c uint32) error {
	if _, _, failed := unix.RawSyscall(call, uintptr(a), uintptr(b), uintptr(c)); failed != 0 {
		return failed
	}
	return nil
}
