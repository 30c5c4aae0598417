package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
)

// circles finds pairs of files of one package that use each other, in pkg and cmd: neither can be read first.
// Functions, types, variables and constants count, and methods whose name only one file of the package declares; that a file
// has methods of another file's type does not.
func circles(t tree) measure {
	packages := map[string]tree{}
	for _, s := range t.product() {
		packages[s.folder] = append(packages[s.folder], s)
	}
	var pairs []string
	for _, files := range packages {
		arrows := arrowsOf(files)
		for arrow, name := range arrows {
			if back, mutual := arrows[[2]string{arrow[1], arrow[0]}]; mutual && arrow[0] < arrow[1] {
				pairs = append(pairs, fmt.Sprintf("%s uses %s of %s, which uses %s", arrow[0], name, arrow[1], back))
			}
		}
	}
	slices.Sort(pairs)
	return atMost("pairs of files of a package that use each other", 0, len(pairs), pairs)
}

// arrowsOf returns an example of what each file of a package uses of each other one.
func arrowsOf(files tree) map[[2]string]string {
	declared := declarations(files)
	arrows := map[[2]string]string{}
	for _, s := range files {
		for _, name := range s.outside() {
			if at := declared[name]; at != "" && at != s.path && name > arrows[[2]string{s.path, at}] {
				arrows[[2]string{s.path, at}] = name
			}
		}
	}
	return arrows
}

// declarations returns the file of each name that one file of a package declares.
func declarations(files tree) map[string]string {
	declared := map[string]string{}
	add := func(name *ast.Ident, s source) {
		if was, twice := declared[name.Name]; twice && was != s.path {
			declared[name.Name] = ""
			return
		}
		declared[name.Name] = s.path
	}
	for _, s := range files {
		for _, d := range s.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				add(d.Name, s)
			case *ast.GenDecl:
				for _, name := range namesOf(d) {
					add(name, s)
				}
			}
		}
	}
	return declared
}

func namesOf(d *ast.GenDecl) []*ast.Ident {
	var all []*ast.Ident
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			all = append(all, spec.Name)
		case *ast.ValueSpec:
			all = append(all, spec.Names...)
		}
	}
	return all
}

// outside returns the names that a file uses and does not declare: of its package, of Go, and methods of any value.
func (s source) outside() []string {
	var all []string
	receivers := s.receivers()
	for _, name := range s.syntax.Unresolved {
		if !receivers[name.Pos()] {
			all = append(all, name.Name)
		}
	}
	imported := map[string]bool{}
	for _, i := range s.syntax.Imports {
		imported[importName(i)] = true
	}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); !ok || !imported[x.Name] {
			all = append(all, selector.Sel.Name)
		}
		return true
	})
	return slices.DeleteFunc(all, func(name string) bool { return name == "_" || token.IsKeyword(name) })
}

// receivers returns where the types of a file's methods are named.
func (s source) receivers() map[token.Pos]bool {
	at := map[token.Pos]bool{}
	for _, d := range s.syntax.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv == nil {
			continue
		}
		ast.Inspect(f.Recv.List[0].Type, func(n ast.Node) bool {
			if name, ok := n.(*ast.Ident); ok {
				at[name.Pos()] = true
			}
			return true
		})
	}
	return at
}
