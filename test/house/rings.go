package house

import (
	"fmt"
	"slices"
	"strings"
)

const module = "data-space.liqo.io/"

// ring is where a package lives, the innermost first. A package may import its own ring's neighbours only where the
// rules below allow it, and never an outer ring.
type ring int

const (
	values ring = iota
	decisions
	effects
	reconcilers // keep one thing in the world as desired
	programs
	cmd     // one package per program: flags, wiring, exit
	build   // tools that generate or measure
	demo    // the walk-through, its applications and manifests
	tests   // the cluster, what tests share, and tests that cross packages
	unknown // a package that lives in none of these
)

func (r ring) String() string {
	return [...]string{"pkg/values", "pkg/decisions", "pkg/effects", "pkg/reconcilers", "pkg/programs", "cmd", "build", "demo", "test", "no ring"}[r]
}

// ringOf returns the ring of a package of this module.
func ringOf(path string) ring {
	for r := values; r < unknown; r++ {
		if strings.HasPrefix(path, module+r.String()+"/") {
			return r
		}
	}
	return unknown
}

// edge is one import: from imports to. In the lists below both are paths below the module's.
type edge struct {
	from, to string
	why      string // the reason for which the edge is allowed, or is still there
}

// forbidden returns why a package may not import another, with the way out, or "". Test files (inTest) may import more.
func forbidden(from, to string, inTest bool) string {
	switch {
	case strings.HasPrefix(to, module) && inTest:
		return forbiddenInTest(from, to)
	case strings.HasPrefix(to, module):
		return outward(from, to)
	case inTest:
		return ""
	}
	return foreign(from, to)
}

// outward returns why the code of one package may not import another of this module, or "".
func outward(from, to string) string {
	a, b := ringOf(from), ringOf(to)
	switch {
	case a == unknown:
		return "every package lives in pkg/<ring>, cmd, build, demo or test: move it there, since no rule covers another folder"
	case b == cmd || b == build || b == unknown:
		return fmt.Sprintf("a package of %s is a program and is imported by no other: move what both need to pkg or test", b)
	case a <= programs && b > programs:
		return fmt.Sprintf("%s is installed in the Hospital's cluster and %s is not: move what both need to pkg", a, b)
	case a <= programs && b > a:
		return fmt.Sprintf("%s must not depend on %s, which is further out: pass the value or the function in as an argument, or move the code", a, b)
	case a == programs && b == programs && !within(from, to):
		return "programs never import each other: move what two of them need to a decision, an effect or a value, or let cmd pass one's function to the other"
	case a == cmd && b > programs, a == build && b > programs:
		return fmt.Sprintf("%s is built from pkg alone: move what it needs from %s to pkg", a, b)
	case a == tests && b == demo:
		return "what tests stand on lives in test: move it from demo to test, which the demo may import"
	}
	return sibling(from, to)
}

// sibling returns why an import that no ring forbids is still not allowed without being named, or "".
func sibling(from, to string) string {
	a, b := ringOf(from), ringOf(to)
	switch {
	case within(from, to) || named(from, to):
		return ""
	case a == decisions && b == decisions:
		return "a decision is pure and complete: move what two decisions share to pkg/values, or name the edge in test/house/exceptions.go with its reason"
	case a == reconcilers && b == reconcilers:
		return "a reconciler keeps one thing in the world and owns its memory: let the program combine the two, or name the edge in test/house/exceptions.go with its reason"
	case a == effects && b == effects:
		return "an effect wraps one outside thing: let the program compose the two, or name the edge in test/house/exceptions.go with its reason"
	case a == demo && b < cmd && b != values:
		return "the demo observes the product from outside: use values only, or name the edge in test/house/exceptions.go with its reason"
	}
	return ""
}

// forbiddenInTest returns why a test file may not import a package of this module, or "".
func forbiddenInTest(from, to string) string {
	a, b := ringOf(from), ringOf(to)
	switch {
	case b == cmd || b == build:
		return outward(from, to)
	case b == demo && a != demo:
		return "no test depends on the demo: move what both need to test, or start it as a program"
	}
	return ""
}

// named reports whether an edge is on the list of exceptions.
func named(from, to string) bool {
	return slices.ContainsFunc(exceptions(), func(e edge) bool { return module+e.from == from && module+e.to == to })
}

// within reports whether one package lies below the other.
func within(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}
