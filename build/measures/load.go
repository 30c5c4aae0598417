package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const module = "data-space.liqo.io/"

// source is one Go file.
type source struct {
	path   string // below the root, with slashes
	folder string // the package's import path without the module's
	test   bool
	lines  []string
	set    *token.FileSet
	syntax *ast.File
}

// tree is all Go files of the module, generated ones and testdata left out.
type tree []source

func load(root string) (tree, error) {
	var t tree
	for _, top := range []string{"build", "cmd", "demo", "pkg", "test"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && path != filepath.Join(root, top) && foreign(path, d.Name()) {
				return fs.SkipDir
			}
			if d.IsDir() || filepath.Ext(path) != ".go" {
				return nil
			}
			s, err := read(root, path)
			if err == nil && !ast.IsGenerated(s.syntax) {
				t = append(t, s)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read the source files below %s: %w", root, err)
		}
	}
	return t, nil
}

// foreign reports whether a folder holds no code of this module: test data, or a module of its own.
func foreign(path, name string) bool {
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return name == "testdata" || err == nil
}

func read(root, path string) (source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return source{}, err
	}
	below, err := filepath.Rel(root, path)
	if err != nil {
		return source{}, err
	}
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, below, text, parser.ParseComments)
	if err != nil {
		return source{}, err
	}
	slashed := filepath.ToSlash(below)
	return source{
		path: slashed, folder: slashed[:strings.LastIndex(slashed, "/")], test: strings.HasSuffix(path, "_test.go"),
		lines: strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), set: set, syntax: syntax,
	}, nil
}

// installed reports whether a file is part of what runs in a cluster: pkg and cmd without their tests.
func (s source) installed() bool {
	return !s.test && (strings.HasPrefix(s.path, "pkg/") || strings.HasPrefix(s.path, "cmd/"))
}

// product is the code that runs in a cluster.
func (t tree) product() tree {
	return slices.DeleteFunc(slices.Clone(t), func(s source) bool { return !s.installed() })
}

// rest is all other code.
func (t tree) rest() tree {
	return slices.DeleteFunc(slices.Clone(t), source.installed)
}

// functions calls visit for each function and method of a file, with the number of its lines.
func (s source) functions(visit func(f *ast.FuncDecl, lines int)) {
	for _, d := range s.syntax.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			visit(f, s.line(f.End())-s.line(f.Pos())+1)
		}
	}
}

func (s source) line(p token.Pos) int { return s.set.Position(p).Line }

// at names a place as editors understand it.
func (s source) at(p token.Pos) string { return fmt.Sprintf("%s:%d", s.path, s.line(p)) }
