package supply

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"data-space.liqo.io/test/cluster/internal/plan"
	"data-space.liqo.io/test/cluster/internal/steps"
)

// Upstream builds the programs that the nested modules pin.
type Upstream struct {
	// Root is the repository.
	Root string
	Dirs plan.Dirs
	Log  *steps.Log
}

const (
	// repository begins the path of each package of this repository, in whichever module; the rest is its folder.
	repository = "data-space.liqo.io/"
	// pinned is the folder of the module that pins most programs.
	pinned = "test/cluster/upstream"
)

// source is one program's package, and what building it needs beyond the ordinary.
type source struct {
	pkg string
	// module is the folder of the nested module that pins it, below Upstream.Root.
	module string
	tags   string
	// stamped programs are told the version of k8s.io/kubernetes, which they report.
	stamped bool
}

func (s source) name() string { return path.Base(s.pkg) }

// sources are all programs, the slowest to build first.
func sources() []source {
	var all []source
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kubelet", "kube-scheduler", "kube-proxy", "kubectl"} {
		all = append(all, source{pkg: "k8s.io/kubernetes/cmd/" + name, module: pinned, stamped: true})
	}
	for _, name := range []string{"coredns", "etcd"} {
		all = append(all, source{pkg: repository + pinned + "/" + name, module: pinned})
	}
	all = append(all, source{pkg: repository + "build/resolver", module: "build/resolver"})
	for _, name := range []string{"containerd", "containerd-shim-runc-v2", "ctr"} {
		all = append(all, source{
			pkg: "github.com/containerd/containerd/v2/cmd/" + name, module: pinned + "/containerd", tags: "no_btrfs,no_devmapper,no_zfs",
		})
	}
	for _, path := range []string{"main/bridge", "main/ptp", "main/loopback", "ipam/host-local", "meta/portmap"} {
		all = append(all, source{pkg: "github.com/containernetworking/plugins/plugins/" + path, module: pinned})
	}
	return all
}

// NetworkPlugins are the CNI plugins among the programs.
func NetworkPlugins() []string { return []string{"bridge", "ptp", "loopback", "host-local", "portmap"} }

// Ensure builds what the lab lacks, or has from other pins.
func (u Upstream) Ensure(ctx context.Context) error { return u.ensure(ctx, sources()) }

func (u Upstream) ensure(ctx context.Context, all []source) error {
	var todo []recipe
	for _, s := range all {
		r, err := u.recipe(s)
		if err != nil {
			return err
		}
		if !built(u.Dirs, s.name(), r.stamp) {
			todo = append(todo, r)
		}
	}
	for i, r := range todo {
		u.Log.Say("building %s, %d of %d", r.name, i+1, len(todo))
		if err := u.build(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// recipe is how to build a program.
type recipe struct {
	name   string
	module string
	// args are the arguments of go build that decide what comes out.
	args []string
	// stamp identifies the outcome: the pins, the compiler and the arguments.
	stamp string
}

func (u Upstream) recipe(s source) (recipe, error) {
	r := recipe{name: s.name(), module: filepath.Join(u.Root, s.module)}
	mod, err := os.ReadFile(filepath.Join(r.module, "go.mod"))
	if err != nil {
		return r, fmt.Errorf("pins of %s: %w", r.name, err)
	}
	sum, err := os.ReadFile(filepath.Join(r.module, "go.sum"))
	if err != nil {
		return r, fmt.Errorf("pins of %s: %w", r.name, err)
	}
	version := ""
	if s.stamped {
		if version, err = kubernetesVersion(mod); err != nil {
			return r, err
		}
	}
	own, err := u.ownSource(s)
	if err != nil {
		return r, err
	}
	r.args = buildArgs(s, version)
	r.stamp = stamp(append(unnamed(mod), own...), sum, r.args)
	return r, nil
}

// ownSource is the source of a program whose package lies here and not in a module that the pins name: all files of its
// folder and those below but tests.
func (u Upstream) ownSource(s source) ([]byte, error) {
	name, local := strings.CutPrefix(s.pkg, repository)
	if !local {
		return nil, nil
	}
	var all []byte
	folder := os.DirFS(filepath.Join(u.Root, name))
	err := fs.WalkDir(folder, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(folder, path)
		all = append(all, text...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("source of %s: %w", s.name(), err)
	}
	return all, nil
}

// build writes the program beside its place and moves it there, so that a running one is not disturbed.
func (u Upstream) build(ctx context.Context, r recipe) error {
	begin := time.Now()
	out := u.Dirs.Program(r.name)
	if err := os.MkdirAll(u.Dirs.Bin(), 0o755); err != nil {
		return fmt.Errorf("build %s: %w", r.name, err)
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-C", r.module, "-o", out + ".new"}, r.args...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s (is the Go module proxy reachable?): %w\n%s", r.name, err, text)
	}
	info, err := os.Stat(out + ".new")
	if err != nil {
		return fmt.Errorf("build %s: %w", r.name, err)
	}
	if err := os.Rename(out+".new", out); err != nil {
		return fmt.Errorf("build %s: %w", r.name, err)
	}
	u.Log.Say("built %s: %s in %.0fs", r.name, steps.Size(info.Size()), time.Since(begin).Seconds())
	return writeStamp(u.Dirs, r.name, r.stamp)
}

// buildArgs builds a static program without what only debuggers read, stamped with the version where it has one.
func buildArgs(s source, kubernetes string) []string {
	ldflags := "-s -w"
	if s.stamped {
		ldflags += " -X k8s.io/component-base/version.gitVersion=" + kubernetes +
			" -X k8s.io/client-go/pkg/version.gitVersion=" + kubernetes
	}
	args := []string{"-trimpath", "-ldflags", ldflags}
	if s.tags != "" {
		args = append(args, "-tags", s.tags)
	}
	return append(args, s.pkg)
}

// unnamed returns a go.mod without the module's own name, which changes nothing of the outcome: a module that moves is not
// built again.
func unnamed(mod []byte) []byte {
	return regexp.MustCompile(`(?m)^module .*\n`).ReplaceAll(mod, nil)
}

func stamp(mod, sum []byte, args []string) string {
	h := sha256.New()
	h.Write(mod)
	h.Write(sum)
	fmt.Fprintf(h, "%s %s", runtime.Version(), strings.Join(args, " "))
	return fmt.Sprintf("%x", h.Sum(nil))
}

// kubernetesVersion reads from a go.mod which version of Kubernetes it requires.
func kubernetesVersion(mod []byte) (string, error) {
	match := regexp.MustCompile(`(?m)^\s*(?:require\s+)?k8s\.io/kubernetes\s+(v\S+)`).FindSubmatch(mod)
	if match == nil {
		return "", errors.New("the upstream go.mod does not require k8s.io/kubernetes")
	}
	return string(match[1]), nil
}
