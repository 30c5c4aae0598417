package main

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"unicode"
)

// oneWordNames counts the functions and methods of pkg and cmd whose name is one word. Words that many functions share are
// the worst: they are what a reader cannot search for.
func oneWordNames(t tree) measure {
	var one, total int
	uses := map[string]int{}
	for _, s := range t.product() {
		s.functions(func(f *ast.FuncDecl, _ int) {
			total++
			if oneWord(f.Name.Name) {
				one++
				uses[f.Name.Name]++
			}
		})
	}
	var all []sized
	for name, n := range uses {
		all = append(all, sized{n, name})
	}
	slices.SortFunc(all, func(a, b sized) int { return strings.Compare(a.where, b.where) })
	return share("functions with a name of one word", 50, one, total, false, largest(all, 3))
}

// oneWord reports whether a name has no second word: Run, parse, DNS.
func oneWord(name string) bool {
	runes := []rune(name)
	for i := 1; i < len(runes); i++ {
		if unicode.IsUpper(runes[i]) && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			return false
		}
	}
	return true
}

// exportedUnused finds exported names of pkg that no other folder uses. Methods are left out, since interfaces may need
// them, and so are types that stand in the exported part of their own package.
func exportedUnused(t tree) measure {
	used := uses(t)
	var unused []string
	for _, s := range t.product() {
		if !strings.HasPrefix(s.path, "pkg/") {
			continue
		}
		for _, name := range exported(s, used) {
			if !used[s.folder+"."+name.Name] {
				unused = append(unused, s.at(name.Pos())+" "+name.Name)
			}
		}
	}
	return atMost("exported names that no other package uses", 0, len(unused), unused)
}

// exported returns the exported names that a file declares at its top, without the constants of a type that is used, and of a
// block of which one is used: such a list is complete, or a reader would look for the rest.
func exported(s source, used map[string]bool) []*ast.Ident {
	var all []*ast.Ident
	for _, d := range s.syntax.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				all = append(all, d.Name)
			}
		case *ast.GenDecl:
			all = append(all, declared(s, d, used)...)
		}
	}
	return slices.DeleteFunc(all, func(name *ast.Ident) bool { return !name.IsExported() })
}

func declared(s source, d *ast.GenDecl, used map[string]bool) []*ast.Ident {
	var all []*ast.Ident
	listed := false // constants without a type of their own have that of the one before
	if d.Tok == token.CONST && slices.ContainsFunc(namesOf(d), func(name *ast.Ident) bool { return used[s.folder+"."+name.Name] }) {
		return nil
	}
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			all = append(all, spec.Name)
		case *ast.ValueSpec:
			if kind, ok := spec.Type.(*ast.Ident); ok {
				listed = d.Tok == token.CONST && used[s.folder+"."+kind.Name]
			} else if len(spec.Values) > 0 {
				listed = false
			}
			if !listed {
				all = append(all, spec.Names...)
			}
		}
	}
	return all
}

// uses returns folder.Name of each name that another folder selects, or that the folder's own exported part needs.
func uses(t tree) map[string]bool {
	used := map[string]bool{}
	for _, s := range t {
		folders := imports(s)
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := selector.X.(*ast.Ident); ok && folders[x.Name] != "" && folders[x.Name] != s.folder {
					used[folders[x.Name]+"."+selector.Sel.Name] = true
				}
			}
			return true
		})
		for _, d := range s.syntax.Decls {
			for _, name := range shown(d) {
				used[s.folder+"."+name] = true
			}
		}
	}
	return used
}

// imports returns the folders of this module that a file imports, by the name that it uses for them.
func imports(s source) map[string]string {
	folders := map[string]string{}
	for _, i := range s.syntax.Imports {
		if folder, ours := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), module); ours {
			folders[importName(i)] = folder
		}
	}
	return folders
}

// importName is the name by which a file uses what it imports: the path's last element where no other is given.
func importName(i *ast.ImportSpec) string {
	if i.Name != nil {
		return i.Name.Name
	}
	return path.Base(strings.Trim(i.Path.Value, `"`))
}

// shown returns the names that the exported part of a declaration needs: a function's arguments and results, a type's fields,
// the type of a constant or variable.
func shown(d ast.Decl) []string {
	var all []string
	for _, part := range shownParts(d) {
		ast.Inspect(part, func(n ast.Node) bool {
			if name, ok := n.(*ast.Ident); ok {
				all = append(all, name.Name)
			}
			return true
		})
	}
	return all
}

func shownParts(d ast.Decl) []ast.Node {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() {
			return []ast.Node{d.Type}
		}
	case *ast.GenDecl:
		var parts []ast.Node
		for _, spec := range d.Specs {
			parts = append(parts, shownType(spec)...)
		}
		return parts
	}
	return nil
}

func shownType(spec ast.Spec) []ast.Node {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() {
			return []ast.Node{spec.Type}
		}
	case *ast.ValueSpec:
		if spec.Type != nil && spec.Names[0].IsExported() {
			return []ast.Node{spec.Type}
		}
	}
	return nil
}
