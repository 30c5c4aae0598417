package house

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the map of packages into ARCHITECTURE.md")

const (
	architecture = "../../ARCHITECTURE.md"
	mapBegins    = "<!-- map: written by `make generate` from each package's comment -->\n"
	mapEnds      = "<!-- end of the map -->\n"
)

func TestTheMapIsUpToDate(t *testing.T) {
	text, err := os.ReadFile(architecture)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), mapBegins)
	require.True(t, found, "ARCHITECTURE.md has no line %q", mapBegins)
	have, after, found := strings.Cut(rest, mapEnds)
	require.True(t, found, "ARCHITECTURE.md has no line %q", mapEnds)
	want := packageMap(t)
	if *update {
		require.NoError(t, os.WriteFile(architecture, []byte(before+mapBegins+want+mapEnds+after), 0o644))
		return
	}
	if have != want {
		t.Errorf("the map in ARCHITECTURE.md differs from the packages' comments: run make generate. Lines that differ:\n%s", differing(have, want))
	}
}

// packageMap is one line per package, ring by ring: the first sentence of the package's comment.
func packageMap(t *testing.T) string {
	t.Helper()
	all := packages(t)
	var text strings.Builder
	for r := values; r < unknown; r++ {
		fmt.Fprintf(&text, "\n**`%s`**\n\n| package | |\n|---|---|\n", r)
		for _, p := range all {
			if ringOf(p.ImportPath) != r {
				continue
			}
			name := strings.TrimPrefix(p.ImportPath, module+r.String()+"/")
			fmt.Fprintf(&text, "| `%s` | %s |\n", name, described(t, p))
		}
	}
	return text.String() + "\n"
}

// described returns the first sentence of a package's comment without the package's name.
func described(t *testing.T, p listed) string {
	t.Helper()
	for _, kind := range []string{"Package ", "Command "} {
		if rest, ok := strings.CutPrefix(p.Doc, kind); ok {
			_, sentence, _ := strings.Cut(rest, " ")
			require.LessOrEqual(t, len(sentence), 240, "%s: the first sentence of the package's comment is a line of the map: say the rest in the next sentence", p.ImportPath)
			return strings.TrimSuffix(strings.ReplaceAll(sentence, "|", "\\|"), ".")
		}
	}
	t.Errorf("%s: the package's comment begins neither with \"Package NAME\" nor with \"Command NAME\"", p.ImportPath)
	return ""
}

// differing returns the lines that only one of two texts has.
func differing(have, want string) string {
	was, is := strings.Split(have, "\n"), strings.Split(want, "\n")
	var lines []string
	for _, line := range was {
		if !slices.Contains(is, line) {
			lines = append(lines, "- "+line)
		}
	}
	for _, line := range is {
		if !slices.Contains(was, line) {
			lines = append(lines, "+ "+line)
		}
	}
	return strings.Join(lines, "\n")
}
