package vm

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// needed are the modules without which the first process cannot reach the machine's files.
func needed() []string { return []string{"virtio_pci", "9pnet_virtio", "9p", "overlay"} }

// module is one kernel module, uncompressed.
type module struct {
	name string
	data []byte
}

// modules returns the named modules and what they depend on, in an order in which they can be loaded. Modules that are built
// into the kernel are left out.
func modules(tree string, names []string) ([]module, error) {
	text, err := os.ReadFile(filepath.Join(tree, "modules.dep"))
	if err != nil {
		return nil, fmt.Errorf("dependencies of modules: %w", err)
	}
	needs, files := map[string][]string{}, map[string]string{}
	for line := range strings.Lines(string(text)) {
		file, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		needs[file], files[moduleName(file)] = strings.Fields(rest), file
	}
	var order []string
	var add func(file string)
	add = func(file string) {
		for _, n := range needs[file] {
			add(n)
		}
		if !slices.Contains(order, file) {
			order = append(order, file)
		}
	}
	for _, name := range names {
		if file := files[moduleName(name)]; file != "" {
			add(file)
		}
	}
	var all []module
	for _, file := range order {
		data, err := contents(filepath.Join(tree, file))
		if err != nil {
			return nil, err
		}
		all = append(all, module{moduleName(file), data})
	}
	return all, nil
}

// moduleName is the name by which the kernel knows a module.
func moduleName(file string) string {
	name, _, _ := strings.Cut(filepath.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

func contents(file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil || !strings.HasSuffix(file, ".xz") {
		return data, err
	}
	xz := exec.Command("xz", "--decompress", "--stdout")
	xz.Stdin = bytes.NewReader(data)
	if data, err = xz.Output(); err != nil {
		return nil, fmt.Errorf("unpack %s: %w", file, err)
	}
	return data, nil
}
