package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// buildah runs Debian's buildah with a storage of its own, and without mounts or namespaces that could be left behind.
type buildah struct{ dir string }

// acceptAll is a signature policy: only local images are used, and they are not signed.
const acceptAll = `{"default": [{"type": "insecureAcceptAnything"}]}`

func newBuildah(dir string) (buildah, error) {
	b := buildah{dir: dir}
	// Without a directory of its own for networks, buildah makes one in /etc/cni.
	config := fmt.Sprintf("[network]\nnetwork_config_dir = %q\n", filepath.Join(dir, "networks"))
	if err := errors.Join(
		os.MkdirAll(dir, 0o755),
		os.WriteFile(b.policy(), []byte(acceptAll), 0o644),
		os.WriteFile(b.config(), []byte(config), 0o644),
	); err != nil {
		return b, fmt.Errorf("image storage: %w", err)
	}
	return b, nil
}

func (b buildah) policy() string { return filepath.Join(b.dir, "policy.json") }

func (b buildah) config() string { return filepath.Join(b.dir, "containers.conf") }

func (b buildah) run(ctx context.Context, args ...string) (string, error) {
	global := []string{
		"--root", filepath.Join(b.dir, "storage"), "--runroot", filepath.Join(b.dir, "run"), "--storage-driver", "vfs",
	}
	cmd := exec.CommandContext(ctx, "buildah", append(global, args...)...)
	cmd.Env = append(os.Environ(), "BUILDAH_ISOLATION=chroot", "CONTAINERS_CONF="+b.config())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("buildah %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// importTar makes an image of the files in a tar archive.
func (b buildah) importTar(ctx context.Context, tar, name string) error {
	container, err := b.run(ctx, "from", "--signature-policy", b.policy(), "scratch")
	if err != nil {
		return err
	}
	if _, err := b.run(ctx, "add", container, tar, "/"); err != nil {
		return err
	}
	_, err = b.run(ctx, "commit", "--signature-policy", b.policy(), "--rm", container, name)
	return err
}

// build makes an image from a Dockerfile and writes it to a docker-archive.
func (b buildah) build(ctx context.Context, i Image, base, contextDir, archive string) error {
	args := []string{"build", "--signature-policy", b.policy(), "--pull-never", "--quiet", "--layers=false", "--file", i.Dockerfile}
	if base != "" {
		args = append(args, "--build-arg", "BASE="+base)
	}
	id, err := b.run(ctx, append(args, "--tag", i.Tag(), contextDir)...)
	if err != nil {
		return err
	}
	if err := os.Remove(archive); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("replace image archive: %w", err)
	}
	if _, err := b.run(ctx, "push", "--signature-policy", b.policy(), "--quiet", id, "docker-archive:"+archive+":"+i.Tag()); err != nil {
		return err
	}
	_, err = b.run(ctx, "rmi", "--force", id)
	return err
}
