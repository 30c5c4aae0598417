package attack

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// errThreadEnded is the outcome of a call for which a filter of system calls ended the thread. The scheduler of Go waits for such
// a thread whenever it stops all of them: the process is to end soon.
var errThreadEnded = errors.New("bad system call: the thread was ended")

// inThread has a thread of its own open a socket. Filters end the thread that makes a call of another table, some of them without
// its process, which would then wait for it until it is killed.
func inThread(open func() (int, error)) (int, error) {
	type outcome struct {
		fd  int
		err error
	}
	thread, done := make(chan int, 1), make(chan outcome, 1)
	go func() {
		runtime.LockOSThread()
		thread <- unix.Gettid()
		fd, err := open()
		done <- outcome{fd, err}
	}()
	tid := <-thread
	for {
		select {
		case o := <-done:
			return o.fd, o.err
		case <-time.After(10 * time.Millisecond):
			if ended(tid) {
				return 0, errThreadEnded
			}
		}
	}
}

// ended reports whether a thread of this process has ended. The first one stays, as a zombie.
func ended(tid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/stat", tid))
	_, state, _ := strings.Cut(string(stat), ") ")
	return errors.Is(err, os.ErrNotExist) || strings.HasPrefix(state, "Z")
}
