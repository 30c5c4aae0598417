//go:build transparent

package transparent

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// page is where the list is shown, between two comments.
const (
	programsPage = "../../docs/transparency.md"
	programsFrom = "<!-- programs: written by UPDATE_GOLDEN=1 make test-transparent -->\n"
	programsTo   = "<!-- end of programs -->\n"
)

// The docs show the list that TestRealPrograms compares with.
func TestRealProgramsAreInTheDocs(t *testing.T) {
	text, err := os.ReadFile(programsPage)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), programsFrom)
	require.True(t, found, "%s holds %q", programsPage, programsFrom)
	have, after, found := strings.Cut(rest, programsTo)
	require.True(t, found, "%s holds %q", programsPage, programsTo)
	want := programsTable()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(programsPage, []byte(before+programsFrom+want+programsTo+after), 0o644))
		return
	}
	require.Equal(t, want, have, "%s is not what the list says: run with UPDATE_GOLDEN=1", programsPage)
}

func programsTable() string {
	var b strings.Builder
	for _, s := range servers() {
		var names []string
		for _, c := range s.clients {
			name, _, _ := strings.Cut(c.name, " ")
			if name == "curl" || name == "nc" {
				c.name = name
			}
			if len(names) == 0 || names[len(names)-1] != c.name {
				names = append(names, c.name)
			}
		}
		fmt.Fprintf(&b, "- **%s**: %s\n", s.name, strings.Join(names, ", "))
	}
	b.WriteString("\n| what | of which proxies | noticed | reason | way out | where (server, client, direction) |\n|---|---|---|---|---|---|\n")
	for _, n := range notices() {
		var where []string
		for _, w := range n.where {
			where = append(where, "`"+strings.ReplaceAll(w, " | ", ", ")+"`")
		}
		name := n.name
		if n.chance {
			name += " (in some runs)"
		}
		proxies := "codec"
		if n.module {
			proxies = "both"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", name, proxies, n.symptom, n.reason, n.remedy, strings.Join(where, "; "))
	}
	return b.String()
}
