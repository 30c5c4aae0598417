package image

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"data-space.liqo.io/test/cluster/internal/plan"
	"data-space.liqo.io/test/cluster/internal/steps"
)

// Builder turns the repository's Dockerfiles into image archives in the cache.
type Builder struct {
	// Root is the repository.
	Root string
	Dirs plan.Dirs
	Log  *steps.Log

	buildah buildah
}

// Built is an image on disk.
type Built struct {
	Image
	// Archive is a docker-archive. Digest changes when anything in it does.
	Archive, Digest string
}

// Build builds what changed since last time. An image that fails does not stop the others: Build returns those that
// succeeded together with the joined errors of the rest.
func (b *Builder) Build(ctx context.Context) ([]Built, error) {
	images, notes, err := Discover(b.Root, b.Dirs)
	if err != nil {
		return nil, err
	}
	for _, note := range notes {
		b.Log.Say("%s", note)
	}
	if b.buildah, err = newBuildah(filepath.Join(b.Dirs.Cache, "buildah")); err != nil {
		return nil, err
	}
	if err := b.ensureBase(ctx); err != nil {
		return nil, err
	}
	var done []Built
	var failed []error
	for _, i := range images {
		built, err := b.one(ctx, i)
		if err != nil {
			failed = append(failed, fmt.Errorf("image %s: %w", i.Name, err))
			continue
		}
		done = append(done, built)
	}
	return done, errors.Join(failed...)
}

// one builds one image, unless its archive is there and was made from the same program, Dockerfile and base.
func (b *Builder) one(ctx context.Context, i Image) (Built, error) {
	begin := time.Now()
	contextDir := filepath.Join(b.Dirs.Images(), i.Name)
	if err := os.MkdirAll(contextDir, 0o755); err != nil {
		return Built{}, err
	}
	if err := b.program(ctx, i, filepath.Join(contextDir, i.Name)); err != nil {
		return Built{}, err
	}
	files := []string{i.Dockerfile, filepath.Join(contextDir, i.Name)}
	for _, p := range i.More {
		to := filepath.Join(contextDir, filepath.Base(p))
		if err := b.compile(ctx, p, to); err != nil {
			return Built{}, err
		}
		files = append(files, to)
	}
	for _, dir := range i.Modules {
		to := filepath.Join(contextDir, "lib"+filepath.Base(dir)+".so")
		if err := b.module(ctx, dir, to); err != nil {
			return Built{}, err
		}
		files = append(files, to)
	}
	digest, err := digestOf(baseStamp(), files...)
	if err != nil {
		return Built{}, err
	}
	built := Built{Image: i, Archive: contextDir + ".tar", Digest: digest}
	if have, err := os.ReadFile(contextDir + ".digest"); err == nil && string(have) == digest {
		return built, nil
	}
	base := ""
	if i.Debian {
		base = baseName
	}
	if err := b.buildah.build(ctx, i, base, contextDir, built.Archive); err != nil {
		return Built{}, err
	}
	info, err := os.Stat(built.Archive)
	if err != nil {
		return Built{}, err
	}
	b.Log.Say("built image %s: %s in %.1fs", i.Name, steps.Size(info.Size()), time.Since(begin).Seconds())
	return built, os.WriteFile(contextDir+".digest", []byte(digest), 0o644)
}

// program puts the image's program into the context.
func (b *Builder) program(ctx context.Context, i Image, to string) error {
	if i.Package == "" {
		return link(i.Program, to)
	}
	return b.compile(ctx, i.Package, to)
}

// compile builds a Go program.
func (b *Builder) compile(ctx context.Context, program, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-C", b.Root, "-trimpath", "-buildvcs="+b.stamped(ctx, program), "-ldflags", "-s -w", "-o", to, program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", program, err, text)
	}
	return nil
}

// stamped returns "true" if the commit goes into a program, which its --version reports: into those that are installed, where
// git can read the repository. Other images do not change with each commit.
func (b *Builder) stamped(ctx context.Context, program string) string {
	if !strings.HasPrefix(program, "./cmd/") || exec.CommandContext(ctx, "git", "-C", b.Root, "status", "--porcelain").Run() != nil {
		return "false"
	}
	return "true"
}

// link makes to the same file as from.
func link(from, to string) error {
	if err := os.Remove(to); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.Link(from, to)
}

// digestOf hashes a text and some files.
func digestOf(text string, files ...string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, text)
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}
