package house

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each of these finds, in Go source, names that an operator meets.
var (
	flagName   = regexp.MustCompile(`(?:\b(?:f|Flags\(\))\.[A-Z]\w+\((?:&?[\w.]+, )?|\b(?:cli\.)?(?:Var|Choice)\(f, )"([a-z][a-z0-9-]+)"`)
	metricName = regexp.MustCompile(`"data_space_(?:agent|controller|proxy|webhook)_(\w*[a-z])"`)
	policyName = regexp.MustCompile(`(?:prefix \+ |counter\(|add\()"([a-z_]+)"`)
	failName   = regexp.MustCompile(`\n\t[A-Z]\w*\s+= "([A-Z]\w+)"`)
	eventName  = regexp.MustCompile(`\b(?:Event|Reason)[A-Z]\w*\s+(?:\w+ )?= "([A-Z]\w+)"`)
)

func TestEachFlagIsInTheDocs(t *testing.T) {
	docs := manual(t)
	found := append(namesIn(t, flagName, "../../cmd/*/*.go"), namesIn(t, flagName, "../../pkg/programs/cli/*.go")...)
	require.Greater(t, len(found), 80)
	for _, name := range found {
		if !regexp.MustCompile(`--` + name + `\b[^-]`).MatchString(docs) {
			t.Errorf("flag --%s: document it in README.md or docs/reference.md", name)
		}
	}
}

func TestEachMetricIsInTheDocs(t *testing.T) {
	docs := manual(t)
	found := append(namesIn(t, metricName, "../../pkg/programs/*/*.go"), namesIn(t, policyName, "../../pkg/programs/nodepolicy/metrics.go")...)
	require.Greater(t, len(found), 25)
	for _, name := range found {
		if !regexp.MustCompile("[_`]" + name + "[{`]").MatchString(docs) {
			t.Errorf("metric %s: document it in docs/reference.md or on the page of its feature", name)
		}
	}
}

func TestEachEventReasonIsInTheDocs(t *testing.T) {
	docs := manual(t)
	found := append(namesIn(t, eventName, "../../pkg/programs/*/*.go"), namesIn(t, eventName, "../../pkg/decisions/record/*.go")...)
	found = append(found, namesIn(t, failName, "../../pkg/values/failure/failure.go")...)
	require.Greater(t, len(found), 35)
	for _, name := range found {
		if !strings.Contains(docs, "`"+name+"`") {
			t.Errorf("reason %s: document it in docs/reference.md or on the page of its feature", name)
		}
	}
}

// manual returns the text of all pages for operators.
func manual(t *testing.T) string {
	t.Helper()
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	var all strings.Builder
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		all.Write(text)
	}
	return all.String()
}

// namesIn returns what an expression captures in source files that are not tests.
func namesIn(t *testing.T, expression *regexp.Regexp, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, match := range expression.FindAllStringSubmatch(string(text), -1) {
			names = append(names, match[1])
		}
	}
	return names
}

// link is a link of Markdown to a file of the repository, with or without a heading in it.
var link = regexp.MustCompile(`\]\(([^)\s:#]*)(?:#([^)\s]+))?\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	roots, err := filepath.Glob("../../*.md")
	require.NoError(t, err)
	records, err := filepath.Glob("../../docs/adr/*.md")
	require.NoError(t, err)
	for _, page := range slices.Concat(pages, roots, records) {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target := page
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(page), m[1])
			}
			content, err := os.ReadFile(target)
			if m[2] == "" {
				if _, err := os.Stat(target); err != nil {
					t.Errorf("%s: the link %s leads nowhere", page, m[0])
				}
				continue
			}
			if err != nil || !headings(string(content))[m[2]] {
				t.Errorf("%s: the link %s leads to no heading", page, m[0])
			}
		}
	}
}

// headings returns the anchors of a page's headings, as GitHub makes them.
func headings(page string) map[string]bool {
	anchors := map[string]bool{}
	for line := range strings.Lines(page) {
		title := strings.TrimLeft(line, "#")
		if title == line {
			continue
		}
		title = strings.ToLower(strings.TrimSpace(title))
		anchors[strings.ReplaceAll(regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(title, ""), " ", "-")] = true
	}
	return anchors
}

func TestEachDecisionRecordIsInTheArchitecture(t *testing.T) {
	text, err := os.ReadFile(architecture)
	require.NoError(t, err)
	records, err := filepath.Glob("../../docs/adr/*.md")
	require.NoError(t, err)
	require.Greater(t, len(records), 20)
	for i, record := range records {
		name := filepath.Base(record)
		require.Regexp(t, fmt.Sprintf(`^%04d-[a-z0-9-]+\.md$`, i+1), name, "decision records are numbered without a gap")
		require.Contains(t, string(text), fmt.Sprintf("[%d](docs/adr/%s)", i+1, name), "%s: add its line to ARCHITECTURE.md", name)
		content, err := os.ReadFile(record)
		require.NoError(t, err)
		for _, part := range []string{"Status: ", "## Context", "## Decision", "## Alternatives", "## Consequences"} {
			require.Contains(t, string(content), part, "%s", name)
		}
	}
}
