package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const twoWords = `func twoWords() {
	fmt.Println("first")
	fmt.Println("second")
	fmt.Println("third")
	fmt.Println("fourth")
	fmt.Println("fifth")
	fmt.Println("sixth")
}
`

const one = `// Package one has an example of each thing that is measured.
package one

import "fmt"

// Used is used by another package.
func Used() Shown { return Shown{} }

func Unused() {}

// Shown stands in the signature of Used.
type Shown struct {
	Field int // documented
	Bare  int
}

type Caller interface {
	// Call is documented.
	Call()
	Bare()
}

` + twoWords

func TestMeasuresOfASmallTree(t *testing.T) {
	root := t.TempDir()
	twin := "package two\n\nimport (\n\t\"fmt\"\n\n\t\"data-space.liqo.io/pkg/one\"\n)\n\nvar _ = one.Used\n\n" + twoWords
	for name, text := range map[string]string{"pkg/one/one.go": one, "cmd/two/two.go": twin, "build/x.go": "package x\n", "demo/x.go": "package x\n", "test/x.go": "package x\n"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
	}
	found, err := load(root)
	require.NoError(t, err)

	require.Equal(t, []string{"pkg/one/one.go:9 Unused", "pkg/one/one.go:17 Caller"}, exportedUnused(found).worst)
	require.Equal(t, []string{"pkg/one/one.go:20 Caller.Bare"}, documentedMethods(found).worst)
	require.Equal(t, "50 % of 2", documentedFields(found).value)
	require.Equal(t, "50 % of 4", oneWordNames(found).value)
	require.Equal(t, "8", functionMax(found).value)
	require.Len(t, equalLines(found).worst, 1)

	var out bytes.Buffer
	require.NoError(t, show(&out, []measure{fileMax(found), exportedUnused(found)}))
	require.Contains(t, out.String(), "MISSED")
}

func TestFilesThatUseEachOther(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"pkg/p/a.go": "package p\n\nfunc First() { second() }\n\nfunc alone(second int) int { return second }\n",
		"pkg/p/b.go": "package p\n\nfunc second() { First() }\n",
		"pkg/p/c.go": "package p\n\nfunc third() { First() }\n",
		"cmd/x.go":   "package x\n", "build/x.go": "package x\n", "demo/x.go": "package x\n", "test/x.go": "package x\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
	}
	found, err := load(root)
	require.NoError(t, err)
	require.Equal(t, []string{"pkg/p/a.go uses second of pkg/p/b.go, which uses First"}, circles(found).worst)
}

func TestOneWord(t *testing.T) {
	for name, want := range map[string]bool{"Run": true, "parse": true, "DNS": true, "parseAll": false, "HTTPServer": false, "toDNS": false} {
		require.Equal(t, want, oneWord(name), name)
	}
}
