package image

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"data-space.liqo.io/test/cluster/internal/plan"
)

// Image is something to build.
type Image struct {
	Name string
	// Dockerfile is the path of its Dockerfile, whose context is one program named as the image, and those besides it that
	// the Dockerfile copies to /usr/local/bin.
	Dockerfile string
	// Package is the directory of the Go program that goes in, below the repository; or else Program is the path of a ready one.
	Package, Program string
	// More are the directories of Go programs that go in besides.
	More []string
	// Modules are the directories of Go packages that go in as shared objects: libNAME.so.
	Modules []string
	// Debian says that the image stands on Debian's files; otherwise on nothing.
	Debian bool
}

// Tag is the image's full name.
func (i Image) Tag() string { return "docker.io/data-spacer/" + i.Name + ":dev" }

// places are where Dockerfiles lie, and where the programs of that place have their source.
func places() []struct{ dockerfiles, sources string } {
	return []struct{ dockerfiles, sources string }{
		{"test/cluster/build", "test/cluster/build"},
		{"build", "cmd"},
		{"demo/build", "demo/build"},
	}
}

// Discover finds the images of the repository at root. Notes name those that cannot be built for lack of a program.
func Discover(root string, dirs plan.Dirs) (images []Image, notes []string, err error) {
	for _, p := range places() {
		found, err := filepath.Glob(filepath.Join(root, p.dockerfiles, "*", "Dockerfile"))
		if err != nil {
			return nil, nil, fmt.Errorf("find Dockerfiles: %w", err)
		}
		for _, file := range found {
			image, ok, err := describe(root, p.sources, file, dirs)
			if err != nil {
				return nil, nil, err
			}
			if !ok {
				notes = append(notes, fmt.Sprintf("no image %s: %s has no program yet", image.Name, filepath.Join(p.sources, image.Name)))
				continue
			}
			images = append(images, image)
		}
	}
	return images, notes, nil
}

// describe finds an image's program: a Go package of its name, or else a cached program of its name.
func describe(root, sources, dockerfile string, dirs plan.Dirs) (Image, bool, error) {
	image := Image{Name: filepath.Base(filepath.Dir(dockerfile)), Dockerfile: dockerfile}
	text, err := os.ReadFile(dockerfile)
	if err != nil {
		return image, false, fmt.Errorf("read Dockerfile: %w", err)
	}
	image.Debian = strings.HasPrefix(defaultBase(string(text)), "debian")
	for _, match := range regexp.MustCompile(`(?m)^COPY\s.*\blib(\w+)\.so\s+/usr/local/lib/`).FindAllStringSubmatch(string(text), -1) {
		image.Modules = append(image.Modules, filepath.Join(filepath.Dir(dockerfile), match[1]))
	}
	program, err := filepath.Glob(filepath.Join(root, sources, image.Name, "*.go"))
	if err != nil {
		return image, false, fmt.Errorf("find the program of image %s: %w", image.Name, err)
	}
	if len(program) > 0 {
		image.Package = "./" + filepath.Join(sources, image.Name)
		for _, name := range copied(string(text)) {
			if name != image.Name {
				image.More = append(image.More, "./"+filepath.Join(sources, name))
			}
		}
		return image, true, nil
	}
	image.Program = dirs.Program(image.Name)
	_, err = os.Stat(image.Program)
	return image, err == nil, nil
}

// defaultBase is what a Dockerfile stands on when nobody says otherwise: the value of its ARG BASE.
func defaultBase(dockerfile string) string {
	match := regexp.MustCompile(`(?m)^ARG\s+BASE=(\S+)`).FindStringSubmatch(dockerfile)
	if match == nil {
		return ""
	}
	return match[1]
}

// copied are the programs that a Dockerfile copies to /usr/local/bin.
func copied(dockerfile string) []string {
	var names []string
	for _, match := range regexp.MustCompile(`(?m)^COPY\s+((?:\S+\s+)+)/usr/local/bin/`).FindAllStringSubmatch(dockerfile, -1) {
		for _, word := range strings.Fields(match[1]) {
			if !strings.HasPrefix(word, "--") {
				names = append(names, word)
			}
		}
	}
	return names
}
