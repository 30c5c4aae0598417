package supply

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"data-space.liqo.io/test/cluster/internal/plan"
	"data-space.liqo.io/test/cluster/internal/steps"
)

// Series are the releases of Debian whose stock kernels the tests boot: each brings a long-term kernel of its own.
func Series() []string { return []string{"bookworm", "trixie"} }

// kernelPackage depends on the newest stock kernel of a release. The cloud kernels lack many network modules.
const kernelPackage = "linux-image-amd64"

// archiveKeyring verifies every release of Debian, the newer ones included.
const archiveKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// kernelTools are what runs the kernels.
func kernelTools() []tool {
	return []tool{{"qemu-system-x86_64", "qemu-system-x86"}, {"depmod", "kmod"}, {"xz", "xz-utils"}, {"nft", "nftables"}, {"runc", "runc"}}
}

// Kernels fetches the stock kernels of Debian's releases with all modules, unless the cache holds one of the release. The
// newest of that day is taken; removing its directory has the next call take a newer one.
func Kernels(ctx context.Context, dirs plan.Dirs, progress *steps.Log) error {
	if err := install(ctx, progress, missingPackages(kernelTools(), exec.LookPath)); err != nil {
		return err
	}
	for _, series := range Series() {
		if _, err := os.Stat(filepath.Join(dirs.Kernel(series), "version")); err == nil {
			continue
		}
		err := progress.Do("fetched the stock kernel of Debian "+series, func() error { return fetchKernel(ctx, dirs.Kernel(series), series) })
		if err != nil {
			return fmt.Errorf("kernel of Debian %s: %w", series, err)
		}
	}
	return nil
}

// fetchKernel leaves in dir: vmlinuz, lib/modules and version.
func fetchKernel(ctx context.Context, dir, series string) error {
	work := dir + ".new"
	if err := errors.Join(os.RemoveAll(work), os.RemoveAll(dir), os.MkdirAll(work, 0o755)); err != nil {
		return err
	}
	defer os.RemoveAll(work)
	a := apt{dir: filepath.Join(work, "apt")}
	if err := a.open(ctx, series); err != nil {
		return err
	}
	archive, err := a.download(ctx, kernelPackage)
	if err != nil {
		return err
	}
	root := filepath.Join(work, "root")
	if _, err := run(ctx, "", "dpkg", "-x", archive, root); err != nil {
		return err
	}
	if err := arrange(ctx, root, work); err != nil {
		return err
	}
	version := strings.Join(strings.Split(strings.TrimSuffix(filepath.Base(archive), ".deb"), "_")[:2], " ")
	err = os.WriteFile(filepath.Join(work, "version"), []byte(version), 0o644)
	return errors.Join(err, os.RemoveAll(root), os.RemoveAll(a.dir), os.Rename(work, dir))
}

// arrange moves what is needed out of an unpacked kernel package. Releases with a merged /usr keep modules there.
func arrange(ctx context.Context, root, to string) error {
	images, err := filepath.Glob(filepath.Join(root, "boot", "vmlinuz-*"))
	if err != nil || len(images) != 1 {
		return fmt.Errorf("the package holds %d kernels in boot", len(images))
	}
	_, release, _ := strings.Cut(filepath.Base(images[0]), "-")
	modules := filepath.Join(root, "usr", "lib", "modules")
	if _, err := os.Stat(modules); err != nil {
		modules = filepath.Join(root, "lib", "modules")
	}
	err = errors.Join(os.Rename(images[0], filepath.Join(to, "vmlinuz")), os.MkdirAll(filepath.Join(to, "lib"), 0o755),
		os.Rename(modules, filepath.Join(to, "lib", "modules")))
	if err != nil {
		return err
	}
	_, err = run(ctx, "", "depmod", "-b", to, release)
	return err
}

// apt is Debian's package tool with sources and a state of its own: the machine's configuration is read and stays as it is.
type apt struct {
	dir     string
	options []string
}

// open reads the package lists of a release from the mirrors that the machine is configured with.
func (a *apt) open(ctx context.Context, series string) error {
	for _, d := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o755); err != nil {
			return err
		}
	}
	sources, err := mirrors(ctx, series)
	if err != nil {
		return err
	}
	file := func(name string) string { return filepath.Join(a.dir, name) }
	if err := errors.Join(os.WriteFile(file("sources.list"), []byte(sources), 0o644), os.WriteFile(file("status"), nil, 0o644)); err != nil {
		return err
	}
	for _, o := range []string{
		"Dir::Etc::SourceList=" + file("sources.list"), "Dir::Etc::SourceParts=/dev/null", "Dir::State=" + file("state"),
		"Dir::State::Lists=" + file("state/lists"), "Dir::State::status=" + file("status"), "Dir::Cache=" + file("cache"),
		"APT::Sandbox::User=root", "APT::Architecture=amd64", "Acquire::Languages=none", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
	} {
		a.options = append(a.options, "-o", o)
	}
	_, err = run(ctx, "", "apt-get", append(a.options, "update", "--quiet")...)
	return err
}

// mirrors are source lines for a release, from the machine's own mirrors of Debian and of its security updates.
func mirrors(ctx context.Context, series string) (string, error) {
	out, err := run(ctx, "", "apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages", "Origin: Debian")
	if err != nil {
		return "", err
	}
	suites := map[string]string{"Debian": series, "Debian-Security": series + "-security"}
	var lines []string
	for line := range strings.Lines(out) {
		label, uri, _ := strings.Cut(strings.TrimSpace(line), " ")
		if suite := suites[label]; suite != "" {
			lines = append(lines, fmt.Sprintf("deb [signed-by=%s] %s %s main\n", archiveKeyring, uri, suite))
		}
	}
	slices.Sort(lines)
	if lines = slices.Compact(lines); len(lines) == 0 {
		return "", errors.New("apt knows no mirror of Debian: add one to its sources and run apt-get update")
	}
	return strings.Join(lines, ""), nil
}

// download fetches the kernel's package that the given package depends on.
func (a *apt) download(ctx context.Context, meta string) (string, error) {
	out, err := run(ctx, "", "apt-cache", append(a.options, "depends", "--no-recommends", "--no-suggests", meta)...)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		kind, name, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if kind != "Depends" || !strings.HasPrefix(name, "linux-image-") {
			continue
		}
		if _, err := run(ctx, a.dir, "apt-get", append(a.options, "download", "--quiet", name)...); err != nil {
			return "", err
		}
		found, err := filepath.Glob(filepath.Join(a.dir, name+"_*.deb"))
		if err != nil || len(found) != 1 {
			return "", fmt.Errorf("apt-get download left %d packages of %s", len(found), name)
		}
		return found[0], nil
	}
	return "", fmt.Errorf("package %s names no kernel", meta)
}

// run runs a program in a directory and returns what it prints.
func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return "", fmt.Errorf("%s %s: %w\n%s", name, args[len(args)-1], err, exit.Stderr)
		}
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return string(out), nil
}
