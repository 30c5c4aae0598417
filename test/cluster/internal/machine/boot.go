package machine

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// booted is what a machine's first process answers when all is set up; anything else is an error's text.
const booted = "booted"

// keep is the order, after the spec, to live on when the maker has ended.
const keep = "keep"

// Main is a machine's first process, inside the namespaces that Create made. It returns only when it cannot
// go on, and the machine ends with it.
func Main(args []string, stdin io.Reader, stdout io.WriteCloser) int {
	if len(args) != 2 || os.Getpid() != 1 {
		fmt.Fprintln(stdout, "this is an inner part of the lab; use the verb up")
		return 2
	}
	orders := json.NewDecoder(stdin)
	sup, err := boot(args[1], orders)
	if err != nil {
		fmt.Fprintln(stdout, err)
		return 1
	}
	fmt.Fprint(stdout, booted)
	_ = stdout.Close()
	go sup.run()
	var last string
	if err := orders.Decode(&last); err != nil || last != keep {
		sup.log.Error("the maker ended before its time, and so does this machine", "error", err)
		return 1
	}
	select {}
}

// boot takes the lock, waits for the spec and makes the machine what the spec says.
// When the maker dies first, the orders end without a spec and so does the machine.
func boot(lock string, orders *json.Decoder) (*supervisor, error) {
	if err := hold(lock); err != nil {
		return nil, err
	}
	var spec Spec
	if err := orders.Decode(&spec); err != nil {
		return nil, fmt.Errorf("read spec: %w", err)
	}
	if err := unix.Sethostname([]byte(spec.Name)); err != nil {
		return nil, fmt.Errorf("set host name %s: %w", spec.Name, err)
	}
	if err := mounts(spec); err != nil {
		return nil, err
	}
	for name, value := range spec.Sysctls {
		if err := os.WriteFile(sysctlPath(name), []byte(value), 0); err != nil {
			return nil, fmt.Errorf("set %s=%s: %w", name, value, err)
		}
	}
	if err := leaveTerminal(spec.LogDir); err != nil {
		return nil, err
	}
	return newSupervisor(spec, slog.New(slog.NewTextHandler(os.Stderr, nil))), nil
}

// leaveTerminal sends what the first process itself has to say to a log file.
func leaveTerminal(dir string) error {
	file, err := os.OpenFile(filepath.Join(dir, "machine.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("open the machine's log: %w", err)
	}
	defer file.Close()
	if err := unix.Dup2(int(file.Fd()), 2); err != nil {
		return fmt.Errorf("log to %s: %w", file.Name(), err)
	}
	return os.Chdir("/")
}
