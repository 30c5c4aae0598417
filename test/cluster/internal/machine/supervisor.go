package machine

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// restartDelay is the pause before a program that ended is started again.
const restartDelay = time.Second

// supervisor starts programs, starts them again when they end, and reaps whatever is orphaned to it.
// It must be the first process of its PID namespace, and the only one here that waits for children.
type supervisor struct {
	spec Spec
	log  *slog.Logger

	mu   sync.Mutex
	pids map[int]Program
}

func newSupervisor(spec Spec, log *slog.Logger) *supervisor {
	return &supervisor{spec: spec, log: log, pids: map[int]Program{}}
}

// run never returns while the machine lives.
func (s *supervisor) run() {
	for _, p := range s.spec.Programs {
		s.start(p)
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.ECHILD):
			time.Sleep(restartDelay) // a machine without programs, or all of them about to start again
		case err == nil:
			s.ended(pid, status)
		}
	}
}

// start runs p with its log file as output. The lock is held until the pid is known, so that ended finds it.
func (s *supervisor) start(p Program) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pid, err := spawn(p, s.spec.LogDir)
	if err != nil {
		s.log.Error("program does not start", "program", p.Name, "error", err)
		time.AfterFunc(restartDelay, func() { s.start(p) })
		return
	}
	s.log.Info("started", "program", p.Name, "pid", pid)
	s.pids[pid] = p
}

func (s *supervisor) ended(pid int, status unix.WaitStatus) {
	s.mu.Lock()
	p, ours := s.pids[pid]
	delete(s.pids, pid)
	s.mu.Unlock()
	if !ours {
		return
	}
	s.log.Warn("ended, will start again", "program", p.Name, "pid", pid, "exit", status.ExitStatus(), "signal", status.Signal())
	time.AfterFunc(restartDelay, func() { s.start(p) })
}

func spawn(p Program, logDir string) (int, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	output, err := os.OpenFile(filepath.Join(logDir, p.Name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return 0, err
	}
	defer output.Close()
	process, err := os.StartProcess(p.Path, append([]string{p.Path}, p.Args...), &os.ProcAttr{
		Dir: "/", Env: p.Env, Files: []*os.File{null, output, output},
	})
	if err != nil {
		return 0, err
	}
	pid := process.Pid
	return pid, process.Release()
}
