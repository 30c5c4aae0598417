// Command krew builds kubectl-dataspace for each platform, and writes the archives and the manifest by which krew installs it.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// platforms are those of kubectl's users.
func platforms() []string {
	return []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64"}
}

func main() {
	to := flag.String("to", "", "folder for the archives and dataspace.yaml")
	version := flag.String("version", "", "version of the release, such as v1.2.3")
	base := flag.String("base", "", "URL of the folder to which the archives are published")
	flag.Parse()
	if err := run(*to, *version, *base); err != nil {
		fmt.Fprintln(os.Stderr, "krew:", err)
		os.Exit(1)
	}
}

func run(to, version, base string) error {
	if !regexp.MustCompile(`^v\d+\.\d+\.\d+$`).MatchString(version) || !strings.HasPrefix(base, "https://") || to == "" {
		return fmt.Errorf("-to=%q -version=%q -base=%q: give a folder, a version such as v1.2.3, and an https URL", to, version, base)
	}
	if err := os.MkdirAll(to, 0o750); err != nil {
		return err
	}
	license, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	sums := map[string]string{}
	for _, platform := range platforms() {
		program, err := build(platform, to)
		if err != nil {
			return err
		}
		archive, err := pack(map[string][]byte{name(platform): program, "LICENSE": license})
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, file(platform)), archive, 0o600); err != nil {
			return err
		}
		sum := sha256.Sum256(archive)
		sums[platform] = hex.EncodeToString(sum[:])
	}
	return os.WriteFile(filepath.Join(to, "dataspace.yaml"), []byte(manifest(version, base, sums)), 0o600)
}

// name is the program's in the archive of a platform.
func name(platform string) string {
	if strings.HasPrefix(platform, "windows/") {
		return "kubectl-dataspace.exe"
	}
	return "kubectl-dataspace"
}

func file(platform string) string {
	return "kubectl-dataspace-" + strings.ReplaceAll(platform, "/", "-") + ".tar.gz"
}

func build(platform, to string) ([]byte, error) {
	system, machine, _ := strings.Cut(platform, "/")
	path := filepath.Join(to, "program")
	defer os.Remove(path)
	c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/kubectl-dataspace")
	c.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+machine, "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build for %s: %w: %s", platform, err, out)
	}
	return os.ReadFile(path)
}

// pack returns an archive in which nothing depends on the time or the machine.
func pack(files map[string][]byte) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	for _, name := range []string{"kubectl-dataspace", "kubectl-dataspace.exe", "LICENSE"} {
		content, there := files[name]
		if !there {
			continue
		}
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			return nil, err
		}
		if _, err := archive.Write(content); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	err := zip.Close()
	return out.Bytes(), err
}

// manifest is a Plugin of krew.
func manifest(version, base string, sums map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: dataspace
spec:
  version: %s
  homepage: https://liqo.io
  shortDescription: Show what holds guests' pods, and what they did
  description: |
    Asks the agents of Data Spacer on all nodes whether each foreign pod is
    contained, why a connection is refused, what guests requested, and
    whether the records are intact; writes a report with proofs.
  caveats: |
    The caller needs pods/exec in the installation's namespace, which makes
    it root on the nodes.
  platforms:
`, version)
	for _, platform := range platforms() {
		system, machine, _ := strings.Cut(platform, "/")
		fmt.Fprintf(&b, `  - selector:
      matchLabels:
        os: %s
        arch: %s
    uri: %s/%s
    sha256: %s
    bin: %s
    files:
    - {from: %[6]s, to: .}
    - {from: LICENSE, to: .}
`, system, machine, strings.TrimSuffix(base, "/"), file(platform), sums[platform], name(platform))
	}
	return b.String()
}
