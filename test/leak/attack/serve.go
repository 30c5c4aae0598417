package attack

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Request asks for one attempt, or for several by one process, one after the other.
type Request struct {
	Probe string
	More  []string
	Aim   Aim
}

// Answer is what came of it.
type Answer struct {
	Said    string   // for the reader
	Reached bool     // something answered that must not
	Each    []string // of each attempt that came to its end
}

// Main is the whole program: `serve` makes the attempts that it is asked for on its input, a line each; `one` makes the one
// that it is given; `-keep LIST` before it gives up all capabilities but those first. It returns the exit status.
func Main(args []string, input io.Reader, output io.Writer) int {
	flags := flag.NewFlagSet("attack", flag.ContinueOnError)
	keep := flags.String("keep", "", "keep only these capabilities of the bounding set: numbers, with commas")
	if flags.Parse(args) != nil {
		return 2
	}
	var err error
	switch rest := flags.Args(); {
	case *keep != "":
		err = become(*keep, rest)
	case len(rest) == 1 && rest[0] == "serve":
		err = serve(input, output)
	case len(rest) == 2 && rest[0] == "one":
		err = one(rest[1], output)
	case len(rest) == 2 && rest[0] == "child":
		err = child(rest[1], output)
	default:
		err = errors.New("attack [-keep LIST] serve | one REQUEST")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
		return 1
	}
	return 0
}

// become gives capabilities up and starts the program anew, which makes it so for all of its threads.
func become(keep string, rest []string) error {
	runtime.LockOSThread()
	kept := strings.Split(keep, ",")
	for c := 0; c <= unix.CAP_LAST_CAP; c++ {
		if !slices.Contains(kept, fmt.Sprint(c)) {
			_ = unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0) // one that this kernel does not know
		}
	}
	return unix.Exec("/proc/self/exe", append(invocation(), rest...), os.Environ())
}

// invocation is how this program is called: a test binary is told by its first argument that it is this one.
func invocation() []string {
	if len(os.Args) > 1 && os.Args[1] == Argument {
		return os.Args[:2]
	}
	return os.Args[:1]
}

// Argument makes a test binary be this program.
const Argument = "attack"

func serve(input io.Reader, output io.Writer) error {
	answers := json.NewEncoder(output)
	for lines := bufio.NewScanner(input); lines.Scan(); {
		if err := answers.Encode(attempt(lines.Text())); err != nil {
			return err
		}
	}
	return nil
}

// attempt makes one attempt in a process of its own: whatever it does to itself ends with it.
func attempt(request string) Answer {
	command := exec.Command("/proc/self/exe", append(invocation()[1:], "one", request)...)
	command.Env = []string{"GOMAXPROCS=2"}
	out := &strings.Builder{}
	command.Stdout, command.Stderr = out, out
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	command.WaitDelay = time.Second
	if err := command.Start(); err != nil {
		return Answer{Said: err.Error()}
	}
	var r Request
	_ = json.Unmarshal([]byte(request), &r) // the child reports what is wrong with it
	late := time.AfterFunc(limit*time.Duration(1+len(r.More)), func() { _ = command.Process.Kill() })
	defer late.Stop()
	err := command.Wait()
	var each []string
	for line := range strings.Lines(out.String()) {
		each = append(each, strings.TrimSpace(line))
	}
	said := strings.Join(strings.Fields(out.String()), " ")
	if err != nil {
		said = strings.TrimSpace(said + " (" + err.Error() + ")")
	}
	return Answer{Said: said[:min(len(said), 200*(1+len(r.More)))], Reached: strings.Contains(said, "REACHED"), Each: each}
}

func one(request string, output io.Writer) error {
	var r Request
	if err := json.Unmarshal([]byte(request), &r); err != nil {
		return fmt.Errorf("request %q: %w", request, err)
	}
	for _, name := range append([]string{r.Probe}, r.More...) {
		if more, err := try(name, r.Aim, output); err != nil || !more {
			return err
		}
	}
	return nil
}

// try makes one attempt in this process and writes what came of it. It reports whether the process can make more.
func try(name string, a Aim, output io.Writer) (more bool, err error) {
	for _, p := range Probes() {
		if p.Name == name {
			outcome, said := p.Do(a), "done"
			if outcome != nil {
				said = outcome.Error()
			}
			_, err := fmt.Fprintln(output, strings.ReplaceAll(said, "\n", "; ")) // one line for each attempt
			return !errors.Is(outcome, errThreadEnded), err
		}
	}
	return true, fmt.Errorf("no probe is called %q", name)
}

// childJob is what a child with another identity is to do.
type childJob struct {
	Job string
	Aim Aim
}

// as does a job in a child process with other attributes, and returns what it said.
func as(attributes *syscall.SysProcAttr, job string, a Aim) error {
	text, err := json.Marshal(childJob{Job: job, Aim: a})
	if err != nil {
		return err
	}
	command := exec.Command("/proc/self/exe", append(invocation()[1:], "child", string(text))...)
	attributes.Pdeathsig = syscall.SIGKILL
	command.SysProcAttr = attributes
	out, err := command.CombinedOutput()
	said := strings.TrimSpace(string(out))
	if err != nil {
		said += " " + err.Error()
	}
	if what, found := strings.CutPrefix(said, "REACHED: "); found {
		return reached{what}
	}
	return errors.New(said)
}

func child(text string, output io.Writer) error {
	var c childJob
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	job, known := jobs()[c.Job]
	if !known {
		return fmt.Errorf("no job is called %q", c.Job)
	}
	said := "done"
	if err := job(c.Aim); err != nil {
		said = err.Error()
	}
	_, err := fmt.Fprintln(output, said)
	return err
}

// credential is the attributes of a child with these ids.
func credential(uid, gid uint32) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid, NoSetGroups: true}}
}

func sockaddr(to netip.AddrPort) unix.Sockaddr {
	if to.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
}
