package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// A machine's life is a POSIX record lock that its first process holds on a file. The kernel drops the lock when
// the process ends, however it ends, and names the holder's pid to whoever asks (fcntl(2), F_GETLK): so a machine
// is found after a crash without a pid file that may lie.

// hold takes the lock for the rest of the process's life. It fails at once when another process has it.
// The file must not be opened a second time in this process: closing it there would drop the lock.
func hold(path string) error {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("open lock %s: %w", path, err)
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &lock); err != nil {
		return fmt.Errorf("lock %s (is the machine running already?): %w", path, err)
	}
	return nil
}

// Find returns the pid of the machine that holds the lock at path, or 0 when none does.
func Find(path string) (int, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("open lock: %w", err)
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock); err != nil {
		return 0, fmt.Errorf("ask who holds %s: %w", path, err)
	}
	if lock.Type == unix.F_UNLCK {
		return 0, nil
	}
	return int(lock.Pid), nil
}
