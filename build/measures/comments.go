package main

import (
	"go/ast"
	"strings"
)

// interfaces calls visit for each interface that has a name, in pkg and cmd.
func interfaces(t tree, visit func(s source, name *ast.Ident, i *ast.InterfaceType)) {
	for _, s := range t.product() {
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if i, ok := spec.Type.(*ast.InterfaceType); ok {
					visit(s, spec.Name, i)
				}
			}
			return true
		})
	}
}

func interfaceMethods(t tree) measure {
	var all []sized
	interfaces(t, func(s source, name *ast.Ident, i *ast.InterfaceType) {
		all = append(all, sized{i.Methods.NumFields(), s.at(name.Pos()) + " " + name.Name})
	})
	return atMost("methods of an interface, most", 4, percentile(all, 1), largest(all, 4))
}

func documentedMethods(t tree) measure {
	var documented, total int
	var without []string
	interfaces(t, func(s source, name *ast.Ident, i *ast.InterfaceType) {
		for _, m := range i.Methods.List {
			if len(m.Names) == 0 {
				continue // embedded
			}
			total++
			if m.Doc != nil || m.Comment != nil {
				documented++
				continue
			}
			without = append(without, s.at(m.Pos())+" "+name.Name+"."+m.Names[0].Name)
		}
	})
	return share("interface methods with a comment", 90, documented, total, true, without)
}

// documentedFields counts the exported fields of structs in pkg and cmd. It has no bar: many names say all.
func documentedFields(t tree) measure {
	var documented, total int
	for _, s := range t.product() {
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			fields, ok := n.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range fields.Fields.List {
				if len(f.Names) > 0 && f.Names[0].IsExported() {
					total++
					if f.Doc != nil || f.Comment != nil {
						documented++
					}
				}
			}
			return true
		})
	}
	m := share("exported fields with a comment", 0, documented, total, true, nil)
	m.bar = "-"
	return m
}

// commentRatio compares lines that hold nothing but a comment with lines that hold code, in pkg and cmd.
func commentRatio(t tree) measure {
	comments, code := map[string]int{}, map[string]int{}
	var allComments, allCode int
	for _, s := range t.product() {
		c := s.commentLines()
		for _, line := range s.lines {
			if strings.TrimSpace(line) != "" {
				code[s.folder]++
				allCode++
			}
		}
		comments[s.folder] += c
		code[s.folder] -= c
		allComments += c
		allCode -= c
	}
	return ratio("comment lines per code line", 0.2, allComments, allCode, poorest(comments, code))
}

// commentLines counts the lines that hold nothing but a comment.
func (s source) commentLines() int {
	n := 0
	for _, group := range s.syntax.Comments {
		for line := s.line(group.Pos()); line <= s.line(group.End()); line++ {
			text := strings.TrimSpace(s.lines[line-1])
			if line > s.line(group.Pos()) || strings.HasPrefix(text, "//") || strings.HasPrefix(text, "/*") {
				n++
			}
		}
	}
	return n
}
