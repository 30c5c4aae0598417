// Command vminit is the first process of a virtual machine: it mounts the machine's files, runs one program, and turns the
// machine off.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"

	"data-space.liqo.io/test/kernels/vm"
)

func main() {
	err := run()
	status := "ok"
	if err != nil {
		status = err.Error()
	}
	fmt.Println("vminit:", status)
	_ = os.WriteFile(filepath.Join(vm.SharedPath, vm.Status), []byte(status), 0o600) // without it the test fails
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func run() error {
	text, err := os.ReadFile("/job.json")
	if err != nil {
		return err
	}
	var job vm.Job
	if err := json.Unmarshal(text, &job); err != nil {
		return err
	}
	if err := errors.Join(load(), assemble(job.Modules)); err != nil {
		return err
	}
	if err := errors.Join(enter("/new"), mounts()); err != nil {
		return err
	}
	command := exec.Command(job.Command[0], job.Command[1:]...)
	command.Env, command.Dir = job.Env, "/"
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	return command.Run()
}

// load loads the modules of the initramfs in their order.
func load() error {
	files, err := filepath.Glob("/modules/*")
	for _, name := range files {
		f, opened := os.Open(name)
		if opened != nil {
			return opened
		}
		if loaded := unix.FinitModule(int(f.Fd()), "", 0); loaded != nil && !errors.Is(loaded, unix.EEXIST) {
			err = errors.Join(err, fmt.Errorf("load %s: %w", name, loaded))
		}
		err = errors.Join(err, f.Close())
	}
	return err
}

// assemble puts a layer in memory over the machine's files, at /new, with the kernel's modules in their place.
func assemble(modules string) error {
	const transport = "trans=virtio,version=9p2000.L,msize=512000,cache=loose"
	err := errors.Join(mount("root", "/lower", "9p", unix.MS_RDONLY, transport), mount("tmpfs", "/layer", "tmpfs", 0, ""),
		os.Mkdir("/layer/upper", 0o755), os.Mkdir("/layer/work", 0o755),
		mount("overlay", "/new", "overlay", 0, "lowerdir=/lower,upperdir=/layer/upper,workdir=/layer/work"))
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll("/new/lib/modules", 0o755), mount("/lower"+modules, "/new/lib/modules", "", unix.MS_BIND, ""))
}

// enter makes a directory the root of this process, and of the kernel's own helpers (modprobe).
func enter(root string) error {
	return errors.Join(unix.Chdir(root), unix.Mount(".", "/", "", unix.MS_MOVE, ""), unix.Chroot("."), unix.Chdir("/"))
}

func mounts() error {
	var failed error
	for _, m := range [][3]string{
		{"proc", "/proc", "proc"}, {"sysfs", "/sys", "sysfs"}, {"devtmpfs", "/dev", "devtmpfs"}, {"tmpfs", "/run", "tmpfs"},
		{"cgroup2", "/sys/fs/cgroup", "cgroup2"},
	} {
		failed = errors.Join(failed, mount(m[0], m[1], m[2], 0, ""))
	}
	return errors.Join(failed, os.Mkdir(vm.SharedPath, 0o755), mount("shared", vm.SharedPath, "9p", 0, "trans=virtio,version=9p2000.L,msize=512000"))
}

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", source, target, err)
	}
	return nil
}
