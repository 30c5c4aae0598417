package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// quoted is a name in ARCHITECTURE.md's tables.
var quoted = regexp.MustCompile("`([^`]+)`")

// A row of the index has a feature, its packages, the functions at which it begins, its tests and its page.
func TestTheIndexByFeatureNamesWhatIsThere(t *testing.T) {
	rows := tableAfter(t, "## Index by feature")
	require.Greater(t, len(rows), 15)
	for _, row := range rows {
		require.Len(t, row, 5, "%v", row)
		folders := names(row[1])
		require.NotEmpty(t, folders, "%s names no package", row[0])
		for _, folder := range folders {
			require.DirExists(t, "../../"+folder, "%s: correct the index in ARCHITECTURE.md", row[0])
		}
		for _, entry := range names(row[2]) {
			requireFunction(t, row[0], folders, entry)
		}
		for _, test := range names(row[3]) {
			folder, name, ok := strings.Cut(test, ".")
			require.True(t, ok, "%s: %s is not FOLDER.TestName", row[0], test)
			require.Contains(t, functions(t, "../../"+folder), name, "%s: there is no test %s: correct the index in ARCHITECTURE.md", row[0], test)
		}
		require.NotEmpty(t, names(row[3]), "%s names no test", row[0])
		require.Regexp(t, link, row[4], "%s names no page", row[0])
	}
}

// Each step of a pod's life names the functions that make it.
func TestALifesStepsAreThere(t *testing.T) {
	rows := tableAfter(t, "## A pod's life")
	require.Greater(t, len(rows), 8)
	folders := []string{"pkg/decisions/assign", "pkg/decisions/drift", "pkg/decisions/hold", "pkg/decisions/quarantine", "pkg/effects/nri", "pkg/reconcilers/podrules", "pkg/reconcilers/podisolation",
		"pkg/programs/agent", "pkg/programs/startgate", "pkg/programs/cniplugin"}
	for _, row := range rows {
		require.Len(t, row, 3, "%v", row)
		require.NotEmpty(t, names(row[2]), "%v names no function", row)
		for _, function := range names(row[2]) {
			requireFunction(t, row[0], folders, function)
		}
	}
}

func names(cell string) []string {
	var all []string
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		all = append(all, m[1])
	}
	return all
}

// requireFunction finds PACKAGE.Function or PACKAGE.Type.Method in the folder that has the package's name.
func requireFunction(t *testing.T, of string, folders []string, entry string) {
	t.Helper()
	name, function, ok := strings.Cut(entry, ".")
	require.True(t, ok, "%s: %s is not PACKAGE.Function", of, entry)
	i := slices.IndexFunc(folders, func(folder string) bool { return path.Base(folder) == name })
	require.GreaterOrEqual(t, i, 0, "%s: %s is of none of the packages %v", of, entry, folders)
	require.Contains(t, functions(t, "../../"+folders[i]), function, "%s: there is no function %s: correct ARCHITECTURE.md", of, entry)
}

// functions returns the functions and methods (Type.Method) of a folder, tests included, whatever its build tags.
func functions(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(folder + "/*.go")
	require.NoError(t, err)
	var all []string
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				all = append(all, receiver(f)+f.Name.Name)
			}
		}
	}
	return all
}

// receiver returns "Type." for a method and "" for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	switch kind := f.Recv.List[0].Type.(type) {
	case *ast.StarExpr:
		if name, ok := kind.X.(*ast.Ident); ok {
			return name.Name + "."
		}
	case *ast.Ident:
		return kind.Name + "."
	}
	return ""
}

// tableAfter returns the rows of the first table below a heading of ARCHITECTURE.md, without its head.
func tableAfter(t *testing.T, heading string) [][]string {
	t.Helper()
	text, err := os.ReadFile(architecture)
	require.NoError(t, err)
	_, below, found := strings.Cut(string(text), "\n"+heading+"\n")
	require.True(t, found, "ARCHITECTURE.md has no heading %q", heading)
	var rows [][]string
	for line := range strings.Lines(below) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if len(rows) > 0 {
				break
			}
			continue
		}
		rows = append(rows, strings.Split(strings.Trim(line, "| "), " | "))
	}
	require.Greater(t, len(rows), 2, "%q has no table", heading)
	return rows[2:]
}
