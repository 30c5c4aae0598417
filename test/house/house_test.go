package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoPackageLeansOutwards(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			if reason := forbidden(p.ImportPath, imported); reason != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, reason)
			}
		}
	}
}

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

func TestMainsOnlyWire(t *testing.T) {
	mains, err := filepath.Glob("../../cmd/*/main.go")
	require.NoError(t, err)
	require.NotEmpty(t, mains)
	for _, name := range mains {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.LessOrEqual(t, bytes.Count(text, []byte("\n")), 80, "%s: a main parses flags, wires and exits; the rest belongs in pkg/programs", name)
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

func TestEachPackageIsOnTheMap(t *testing.T) {
	text, err := os.ReadFile("../../ARCHITECTURE.md")
	require.NoError(t, err)
	rows := map[ring]string{}
	for line := range strings.Lines(string(text)) {
		for r := values; r < outside; r++ {
			if strings.HasPrefix(line, "| `pkg/"+r.String()+"` |") {
				rows[r] = line
			}
		}
	}
	for _, p := range packages(t) {
		r := ringOf(p.ImportPath)
		if r == outside {
			continue
		}
		name := filepath.Base(p.ImportPath)
		require.Contains(t, rows[r], "`"+name+"`", "%s: say in ARCHITECTURE.md, in the row of its ring, what it is", p.ImportPath)
	}
}

func TestTheRuleFindsWhatItForbids(t *testing.T) {
	for _, edge := range [][2]string{
		{"pkg/values/apis", "pkg/decisions/redirect"},
		{"pkg/decisions/redirect", "pkg/effects/dataplane"},
		{"pkg/effects/dataplane", "pkg/programs/agent"},
		{"pkg/programs/agent", "pkg/programs/webhook"},
		{"pkg/programs/agent", "cmd/agent"},
		{"pkg/programs/agent", "demo/lab"},
	} {
		require.NotEmpty(t, forbidden(module+edge[0], module+edge[1]), "%s -> %s", edge[0], edge[1])
	}
	for _, std := range []string{"context", "log/slog", "os/exec", "k8s.io/client-go/kubernetes/typed/core/v1"} {
		require.NotEmpty(t, forbidden(module+"pkg/decisions/redirect", std), std)
	}
	require.Empty(t, forbidden(module+"pkg/effects/dataplane", module+"pkg/decisions/drift"))
	require.Empty(t, forbidden(module+"pkg/decisions/redirect", "net/netip"))
	require.Empty(t, forbidden(module+"cmd/agent", module+"pkg/programs/agent"))
}

// listed is what `go list -json` says of a package.
type listed struct {
	Dir, ImportPath  string
	GoFiles, Imports []string
}

// packages lists the module's packages with the build tags of the tests: those hide files otherwise.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=Dir,ImportPath,GoFiles,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("go list: %s", strings.TrimSpace(string(exit.Stderr)))
	}
	require.NoError(t, err)
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
	require.NotEmpty(t, all)
	return all
}
