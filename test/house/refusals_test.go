package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEachRefusalOfAPodIsInTheDocs: the table of docs/admission.md is written from attempts. A rule without an attempt would be missing there.
func TestEachRefusalOfAPodIsInTheDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("../..", "docs/admission.md"))
	require.NoError(t, err)
	for _, file := range []string{"host", "container", "user", "sysctl", "toleration", "seccomp", "resources", "volume"} {
		path := filepath.Join("../..", "pkg/decisions/admit", file+".go")
		for _, reason := range reasonsIn(t, path) {
			if !strings.Contains(string(page), reason) {
				t.Errorf("%s: %q: add an attempt to test/api/webhook/corpus_test.go and run TestAgreement with -update", path, reason)
			}
		}
	}
}

// reasonsIn returns what the reasons in a file begin with: their text up to the first value in it.
func reasonsIn(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	require.NoError(t, err)
	var reasons []string
	ast.Inspect(file, func(node ast.Node) bool {
		literal, is := node.(*ast.BasicLit)
		if !is || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		require.NoError(t, err)
		for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == '%' }) {
			if strings.Count(part, " ") >= 4 && !strings.Contains(part, "write for example") {
				reasons = append(reasons, strings.TrimLeft(part, "dsqv"))
			}
		}
		return true
	})
	return reasons
}
