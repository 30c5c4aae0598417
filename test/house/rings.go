package house

import (
	"fmt"
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
	programs
	outside // cmd, demo, test, build: they may use everything, and nothing may use them
)

func (r ring) String() string {
	return [...]string{"values", "decisions", "effects", "programs", "outside"}[r]
}

// ringOf returns the ring of a package of this module.
func ringOf(path string) ring {
	for r := values; r < outside; r++ {
		if strings.HasPrefix(path, module+"pkg/"+r.String()+"/") {
			return r
		}
	}
	return outside
}

// forbidden returns why a package may not import another, or "".
func forbidden(from, to string) string {
	if !strings.HasPrefix(to, module) {
		return impure(from, to)
	}
	a, b := ringOf(from), ringOf(to)
	switch {
	case a == outside:
		return ""
	case b > a:
		return fmt.Sprintf("%s lean on nothing further out, and %s is: turn the dependency round or move the code", a, b)
	case a == programs && b == programs && !within(from, to):
		return "programs never import each other: what two of them need is a decision, an effect or a value"
	}
	return ""
}

// within reports whether one package lies below the other.
func within(a, b string) bool {
	return strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

// impure returns why a value or a decision may not import a package from outside the module, or "".
func impure(from, to string) string {
	if ringOf(from) > decisions {
		return ""
	}
	reasons := []struct{ prefix, reason string }{
		{"context", "nothing in it can be cancelled: it neither waits nor calls out"},
		{"log", "it returns what it found; the caller decides what to say"},
		{"os", "it reads no file, no environment, and starts nothing"},
		{"net/http", "it talks to nobody"},
		{"k8s.io/client-go/kubernetes", "it is handed the objects that it judges"},
		{"k8s.io/client-go/rest", "it is handed the objects that it judges"},
		{"sigs.k8s.io/controller-runtime", "it is handed the objects that it judges"},
		{"github.com/coreos/go-iptables", "it decides rules; pkg/effects/dataplane writes them"},
		{"github.com/vishvananda", "it touches no kernel"},
		{"github.com/containernetworking", "it touches no kernel"},
		{"google.golang.org/grpc", "it talks to nobody"},
	}
	for _, r := range reasons {
		if to == r.prefix || strings.HasPrefix(to, r.prefix+"/") {
			return fmt.Sprintf("%s do no I/O: %s", ringOf(from), r.reason)
		}
	}
	return ""
}
