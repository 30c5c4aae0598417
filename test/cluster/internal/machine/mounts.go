package machine

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mounts gives the machine its own directories and its own /proc.
// It first cuts the propagation to the outside, so that no mount of the machine is ever seen there, and in the end shares
// all mounts inside, as systemd does on a real node: containers with mount propagation rely on it.
func mounts(spec Spec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	for _, b := range spec.Binds {
		if err := unix.Mount(b.From, b.To, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s to %s: %w", b.From, b.To, err)
		}
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := pretend(spec.Pretended); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("share mounts inside the machine: %w", err)
	}
	return nil
}

// pretend lays a file with the given value over each kernel setting.
func pretend(settings map[string]string) error {
	if len(settings) == 0 {
		return nil
	}
	dir := "/run/lab-pretended"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("pretend settings: %w", err)
	}
	for name, value := range settings {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
			return fmt.Errorf("pretend %s=%s: %w", name, value, err)
		}
		if err := unix.Mount(file, sysctlPath(name), "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("pretend %s=%s: %w", name, value, err)
		}
	}
	return nil
}
