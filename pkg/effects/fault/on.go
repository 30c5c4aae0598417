//go:build faults

package fault

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// At notes the step as a line of the file DATA_SPACER_FAULT_LOG. Then it ends the process, as kill -9 does, if
// DATA_SPACER_FAULT says so: "written 3" is the third time that rules were written, "any 40" one of 40 steps by chance.
func At(s Step) {
	log, name, n := os.Getenv("DATA_SPACER_FAULT_LOG"), "", 0
	if log == "" {
		return
	}
	file, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX) // two families take steps side by side: each is counted for itself
	}
	if err == nil {
		_, err = fmt.Fprintln(file, s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fault:", err)
		return
	}
	defer file.Close()
	if _, err := fmt.Sscan(os.Getenv("DATA_SPACER_FAULT"), &name, &n); err != nil {
		return
	}
	if name == "any" && rand.N(n) == 0 || name == string(s) && times(log, s) == n {
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	}
}

// times counts the lines of a step.
func times(log string, s Step) int {
	text, _ := os.ReadFile(log)
	n := 0
	for line := range strings.Lines(string(text)) {
		if line == string(s)+"\n" {
			n++
		}
	}
	return n
}
