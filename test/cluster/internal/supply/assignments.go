package supply

import (
	"fmt"
	"path/filepath"
	"strings"

	"data-space.liqo.io/test/cluster/internal/plan"
)

// Assignments are lines for a shell: a variable with the path of each program (kube-apiserver: KUBE_APISERVER), and the
// directories that test tools ask for.
func Assignments(dirs plan.Dirs) []string {
	var lines []string
	assign := func(name, value string) {
		lines = append(lines, fmt.Sprintf("%s=%s", name, quote(value)))
	}
	for _, s := range sources() {
		assign(strings.ToUpper(strings.ReplaceAll(s.name(), "-", "_")), dirs.Program(s.name()))
	}
	assign("ENVOY", dirs.Program("envoy"))
	assign("CNI_BIN_DIR", dirs.Bin())
	assign("KUBEBUILDER_ASSETS", dirs.Bin())
	return lines
}

// KernelAssignment is a line for a shell: the variable with the directory of the stock kernels.
func KernelAssignment(dirs plan.Dirs) string { return "KERNELS=" + quote(dirs.Kernels()) }

// ProgramsAssignment is a line for a shell: the variable with the root directory of the clients and servers.
func ProgramsAssignment(dirs plan.Dirs) string {
	return "PROGRAMS=" + quote(filepath.Join(dirs.Programs(), "root"))
}

// BrowserAssignment is a line for a shell: the variable with the root directory of the browser.
func BrowserAssignment(dirs plan.Dirs) string {
	return "BROWSER=" + quote(filepath.Join(dirs.Browser(), "root"))
}

// quote makes one word of a POSIX shell, unchanged where nothing in it is special.
func quote(s string) string {
	special := strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:@%", r)
	})
	if !special {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
