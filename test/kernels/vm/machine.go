package vm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Machine is a virtual machine that runs one program and ends.
type Machine struct {
	Kernel string    // directory with vmlinuz and lib/modules
	Init   string    // the static first process
	Job    Job       // what it runs
	Shared string    // a directory that the virtual machine may write to, at SharedPath
	Log    io.Writer // gets the console
}

// Job is what the first process does.
type Job struct {
	Modules string   // the directory that becomes /lib/modules
	Command []string // paths as on this machine
	Env     []string
}

// SharedPath is where the virtual machine sees its shared directory; Status, inside, the command's exit status.
const (
	SharedPath = "/run/shared"
	Status     = "status"
)

// Accelerated reports whether this machine runs stock kernels on its processor: there is /dev/kvm, and the processor has the
// instructions. A KVM without these runs kernels that are made for it only.
func Accelerated() bool {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil || !regexp.MustCompile(`(?m)^flags\s*:.*\b(vmx|svm)\b`).Match(text) {
		return false
	}
	device, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	return err == nil && device.Close() == nil
}

// Run boots the machine and waits for its end. It returns an error if the program failed, or did not end before the
// context did: then the virtual machine's process is killed. A kernel that the emulation has broken is booted again.
func (m Machine) Run(ctx context.Context) error {
	image := filepath.Join(m.Shared, "initramfs")
	if err := m.initramfs(image); err != nil {
		return fmt.Errorf("initramfs: %w", err)
	}
	const boots = 3
	for n := 1; ; n++ {
		console := &bytes.Buffer{}
		again := m
		again.Log = io.MultiWriter(m.Log, console)
		err := again.boot(ctx, image)
		if err == nil || n == boots || Accelerated() || !broken(console.Bytes()) {
			return err
		}
		fmt.Fprintf(m.Log, "vm: the emulation broke the kernel, boot %d of %d: %v\n", n, boots, err)
	}
}

// broken reports whether a kernel ended by a breakpoint of its own. It patches its text while it runs, and puts breakpoints there meanwhile; qemu,
// which emulates two processors by two threads, at times runs one after the patch is over.
func broken(console []byte) bool { return bytes.Contains(console, []byte("int3: 0000 [#")) }

func (m Machine) boot(ctx context.Context, image string) error {
	command := exec.CommandContext(ctx, "qemu-system-x86_64", m.arguments(image)...)
	command.Stdout, command.Stderr = m.Log, m.Log
	command.WaitDelay = 5 * time.Second
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's interrupt is for the caller to act on
	if err := command.Run(); err != nil {
		return fmt.Errorf("virtual machine: %w", errors.Join(err, context.Cause(ctx)))
	}
	status, err := os.ReadFile(filepath.Join(m.Shared, Status))
	if err != nil {
		return fmt.Errorf("the virtual machine ended without a result, see its console: %w", err)
	}
	if s := strings.TrimSpace(string(status)); s != "ok" {
		return fmt.Errorf("the program in the virtual machine failed: %s", s)
	}
	return nil
}

func (m Machine) arguments(image string) []string {
	accelerator, cpu := "tcg", "max"
	if Accelerated() {
		accelerator, cpu = "kvm", "host"
	}
	share := func(id, path, mode string) []string {
		return []string{"-fsdev", "local,id=" + id + ",path=" + path + ",security_model=none,multidevs=remap" + mode, "-device", "virtio-9p-pci,fsdev=" + id + ",mount_tag=" + id}
	}
	args := []string{
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none", "-serial", "stdio", "-nic", "none",
		"-machine", "q35", "-accel", accelerator, "-cpu", cpu, "-smp", "2", "-m", "1536",
		"-kernel", filepath.Join(m.Kernel, "vmlinuz"), "-initrd", image, "-append", "console=ttyS0 loglevel=3 panic=-1 net.ifnames=0",
	}
	args = append(args, share("root", "/", ",readonly=on")...)
	return append(args, share("shared", m.Shared, "")...)
}

// initramfs writes what the kernel boots into: the first process, its job, and the modules that it needs.
func (m Machine) initramfs(to string) error {
	trees, err := filepath.Glob(filepath.Join(m.Kernel, "lib", "modules", "*"))
	if err != nil || len(trees) != 1 {
		return fmt.Errorf("%s holds modules of %d kernels, not of one", m.Kernel, len(trees))
	}
	loaded, err := modules(trees[0], needed())
	if err != nil {
		return err
	}
	first, err := os.ReadFile(m.Init)
	if err != nil {
		return err
	}
	m.Job.Modules = filepath.Dir(trees[0])
	job, err := json.Marshal(m.Job)
	if err != nil {
		return err
	}
	var a archive
	for _, d := range []string{"modules", "dev", "proc", "lower", "layer", "new"} {
		a.add(d, directory, nil)
	}
	a.add("init", executable, first)
	a.add("job.json", plain, job)
	for i, mod := range loaded {
		a.add(fmt.Sprintf("modules/%03d-%s.ko", i, mod.name), plain, mod.data)
	}
	a.end()
	return os.WriteFile(to, a.Bytes(), 0o600)
}
