package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecisionsHaveNoClock(t *testing.T) {
	for _, p := range packages(t) {
		if ringOf(p.ImportPath) > decisions {
			continue
		}
		for _, name := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			require.NoError(t, err)
			for _, call := range []string{"time.Now(", "time.Since(", "time.Until(", "rand."} {
				require.NotContains(t, string(text), call, "%s: what depends on the moment is an argument", filepath.Join(p.Dir, name))
			}
		}
	}
}

func TestEachDirectDependencyHasAReason(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	reasons, err := os.ReadFile("../../docs/dependencies.md")
	require.NoError(t, err)
	for line := range strings.Lines(string(mod)) {
		words := strings.Fields(line)
		if len(words) != 2 || !strings.HasPrefix(words[1], "v") {
			continue // not a requirement, or an indirect one
		}
		require.Contains(t, string(reasons), words[0],
			"%s is required by go.mod: say in docs/dependencies.md what it is used for, and why not our own code", words[0])
	}
}

// listed is what `go list -json` says of a package.
type listed struct {
	Dir, ImportPath, Doc      string
	GoFiles, Imports          []string
	TestGoFiles, XTestGoFiles []string
	TestImports, XTestImports []string
}

// packages lists the module's packages with the build tags of the tests: those hide files otherwise.
func packages(t *testing.T) []listed {
	t.Helper()
	all, err := listOnce()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

var listOnce = sync.OnceValues(list)

func list() ([]listed, error) {
	cmd := exec.Command("go", "list", "-tags", "kernel api lab bench kernels vm long",
		"-json=Dir,ImportPath,Doc,GoFiles,Imports,TestGoFiles,XTestGoFiles,TestImports,XTestImports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("go list: %s", bytes.TrimSpace(exit.Stderr))
	}
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		all = append(all, p)
	}
}
