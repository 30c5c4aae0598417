package house

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestImportsAreAllowed(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			if why := forbidden(p.ImportPath, imported, false); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, why)
			}
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			if why := forbidden(p.ImportPath, imported, true); why != "" {
				t.Errorf("a test of %s imports %s: %s", p.ImportPath, imported, why)
			}
		}
	}
}

// TestTheRuleRefuses is the test of the rule itself: each of these imports must be refused, with a way out.
func TestTheRuleRefuses(t *testing.T) {
	for _, e := range []edge{
		{from: "pkg/values/apis", to: module + "pkg/decisions/redirect"},
		{from: "pkg/decisions/redirect", to: module + "pkg/effects/dataplane"},
		{from: "pkg/decisions/redirect", to: module + "pkg/decisions/netpol"},
		{from: "pkg/effects/dataplane", to: module + "pkg/programs/agent"},
		{from: "pkg/effects/ledger", to: module + "pkg/effects/netns"},
		{from: "pkg/effects/dataplane", to: module + "pkg/reconcilers/podrules"},
		{from: "pkg/reconcilers/podrules", to: module + "pkg/programs/agent"},
		{from: "pkg/reconcilers/podrules", to: module + "pkg/reconcilers/podisolation"},
		{from: "pkg/reconcilers/podrules", to: "github.com/vishvananda/netlink"},
		{from: "pkg/reconcilers/podrules", to: "github.com/prometheus/client_golang/prometheus"},
		{from: "pkg/reconcilers/podrules", to: "net/http"},
		{from: "pkg/programs/startgate", to: module + "pkg/programs/agent"},
		{from: "pkg/programs/agent", to: module + "pkg/programs/webhook"},
		{from: "pkg/programs/agent", to: module + "cmd/agent"},
		{from: "pkg/programs/agent", to: module + "test/cluster"},
		{from: "pkg/programs/agent", to: module + "test/kit"},
		{from: "pkg/programs/agent", to: module + "demo/probe"},
		{from: "cmd/agent", to: module + "demo/probe"},
		{from: "cmd/agent", to: module + "test/kit"},
		{from: "build/rules", to: module + "test/kit"},
		{from: "demo/walkthrough", to: module + "pkg/effects/netns"},
		{from: "test/kit", to: module + "demo/probe"},
		{from: "tools/anything", to: module + "pkg/values/apis"},
		{from: "pkg/decisions/redirect", to: "context"},
		{from: "pkg/decisions/redirect", to: "log/slog"},
		{from: "pkg/decisions/redirect", to: "os/exec"},
		{from: "pkg/decisions/redirect", to: "sync"},
		{from: "pkg/decisions/redirect", to: "net/http"},
		{from: "pkg/decisions/redirect", to: "k8s.io/client-go/kubernetes/typed/core/v1"},
		{from: "pkg/decisions/redirect", to: "example.org/never/heard/of"},
		{from: "pkg/values/iptables", to: "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"},
		{from: "pkg/effects/ledger", to: "os/exec"},
		{from: "pkg/effects/ledger", to: "github.com/vishvananda/netlink"},
		{from: "pkg/effects/sandbox", to: "k8s.io/client-go/rest"},
		{from: "pkg/programs/agent", to: "github.com/vishvananda/netlink"},
		{from: "pkg/programs/agent", to: "golang.org/x/sys/unix"},
		{from: "pkg/programs/webhook", to: "flag"},
		{from: "cmd/agent", to: "os/exec"},
	} {
		why := forbidden(module+e.from, e.to, false)
		require.NotEmpty(t, why, "%s -> %s", e.from, e.to)
		require.Regexp(t, "move|use|pass|let", why, "%s -> %s: the refusal names no way out", e.from, e.to)
	}
	require.NotEmpty(t, forbidden(module+"pkg/programs/agent", module+"demo/probe", true), "a test of pkg that imports the demo")
	require.NotEmpty(t, forbidden(module+"test/kit", module+"demo/probe", true), "a test of test that imports the demo")
}

func TestTheRuleAllows(t *testing.T) {
	for _, e := range []edge{
		{from: "pkg/effects/dataplane", to: module + "pkg/decisions/drift"},
		{from: "pkg/effects/dataplane", to: module + "pkg/effects/netns"},
		{from: "pkg/decisions/redirect", to: "net/netip"},
		{from: "pkg/programs/agent", to: module + "pkg/reconcilers/podrules"},
		{from: "pkg/reconcilers/podrules", to: module + "pkg/effects/dataplane"},
		{from: "cmd/agent", to: module + "pkg/programs/agent"},
		{from: "test/kit", to: module + "pkg/effects/netns"},
		{from: "demo/walkthrough", to: module + "test/claims"},
	} {
		require.Empty(t, forbidden(module+e.from, e.to, false), "%s -> %s", e.from, e.to)
	}
	require.Empty(t, forbidden(module+"pkg/effects/ledger", module+"test/kit", true))
}

func TestEachExceptionIsUsed(t *testing.T) {
	found := map[edge]bool{}
	for _, p := range packages(t) {
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			found[edge{from: strings.TrimPrefix(p.ImportPath, module), to: strings.TrimPrefix(imported, module)}] = true
		}
	}
	for _, e := range exceptions() {
		require.NotEmpty(t, e.why, "%s -> %s", e.from, e.to)
		if !found[edge{from: e.from, to: e.to}] {
			t.Errorf("%s no longer imports %s: remove the edge from test/house/exceptions.go", e.from, e.to)
		}
	}
}

func TestEachPermitIsUsed(t *testing.T) {
	all := packages(t)
	for r := values; r <= cmd; r++ {
		for _, p := range allowance(r) {
			for _, name := range p.only {
				i := slices.IndexFunc(all, func(l listed) bool { return l.ImportPath == module+name })
				if i < 0 || !slices.ContainsFunc(all[i].Imports, p.covers) {
					t.Errorf("%s imports none of %v: take its name from the permit in test/house/allowed.go", name, p.paths)
				}
			}
		}
	}
}

func TestProgramsStaySmall(t *testing.T) {
	folders, err := filepath.Glob("../../cmd/*")
	require.NoError(t, err)
	require.Len(t, folders, len(sizes()), "each program has a bound in test/house/exceptions.go")
	for _, folder := range folders {
		main, lines := size(t, folder)
		require.LessOrEqual(t, main, 80, "%s: a main parses flags, wires and exits; move the rest to pkg/programs", folder)
		limit := sizes()["cmd/"+filepath.Base(folder)]
		if lines > limit.ceiling {
			t.Errorf("%s has %d lines, %d are allowed and %d are the target: cmd parses flags, wires and exits; move what decides, waits or reads to pkg/programs",
				folder, lines, limit.ceiling, limit.target)
		}
		if lines < limit.ceiling-100 {
			t.Errorf("%s has shrunk to %d lines: lower its ceiling in test/house/exceptions.go from %d, so that it stays small", folder, lines, limit.ceiling)
		}
	}
}

func TestPackagesStaySmall(t *testing.T) {
	known := map[string]bool{}
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if !strings.HasPrefix(name, "pkg/") {
			continue
		}
		known[name] = true
		most, larger := largePackages()[name]
		if !larger {
			most = largest
		}
		if _, lines := size(t, "../../"+name); lines > most {
			t.Errorf("%s has %d lines, %d are allowed: a feature of it is a package of its own, or moves to another ring (what keeps one thing in the world is a reconciler)",
				name, lines, most)
		} else if larger && lines <= largest-100 {
			t.Errorf("%s has shrunk to %d lines: take it from largePackages in test/house/exceptions.go", name, lines)
		}
	}
	for name := range largePackages() {
		require.True(t, known[name], "%s is not there: take it from test/house/exceptions.go", name)
	}
}

// size returns the lines of a folder's main.go and of all its Go files that are neither tests nor generated.
func size(t *testing.T, folder string) (inMain, lines int) {
	t.Helper()
	files, err := filepath.Glob(folder + "/*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(filepath.Base(name), "zz_generated") {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		n := bytes.Count(text, []byte("\n"))
		lines += n
		if filepath.Base(name) == "main.go" {
			inMain = n
		}
	}
	return inMain, lines
}
