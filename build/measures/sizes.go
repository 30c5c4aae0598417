package main

import (
	"fmt"
	"go/ast"
	"slices"
)

// sized is a place with a number: of lines, of methods.
type sized struct {
	n     int
	where string
}

// largest returns the worst places, the largest first.
func largest(all []sized, over int) []string {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b sized) int { return b.n - a.n })
	var places []string
	for _, s := range all {
		if s.n > over {
			places = append(places, fmt.Sprintf("%d %s", s.n, s.where))
		}
	}
	return places
}

// percentile returns the value below which a share of all lies; 0 of none.
func percentile(all []sized, share float64) int {
	if len(all) == 0 {
		return 0
	}
	numbers := make([]int, len(all))
	for i, s := range all {
		numbers[i] = s.n
	}
	slices.Sort(numbers)
	return numbers[int(share*float64(len(numbers)-1)+0.5)]
}

func files(t tree) []sized {
	var all []sized
	for _, s := range t {
		all = append(all, sized{len(s.lines), s.path})
	}
	return all
}

func functions(t tree) []sized {
	var all []sized
	for _, s := range t {
		s.functions(func(f *ast.FuncDecl, lines int) { all = append(all, sized{lines, s.at(f.Pos()) + " " + f.Name.Name}) })
	}
	return all
}

func fileMedian(t tree) measure { return ranked(t, files, "lines of a file, median", 0.5, 120) }

func fileMax(t tree) measure { return ranked(t, files, "lines of a file, largest", 1, 300) }

func functionP90(t tree) measure {
	return ranked(t, functions, "lines of a function, 90th percentile", 0.9, 25)
}

func functionMax(t tree) measure {
	return ranked(t, functions, "lines of a function, largest", 1, 60)
}

// ranked measures pkg and cmd against the bar, and shows the same of the whole tree with its tests. The worst places are of both.
func ranked(t tree, count func(tree) []sized, name string, share float64, bar int) measure {
	m := atMost(name, bar, percentile(count(t.product()), share), nil)
	m.everything = fmt.Sprint(percentile(count(t), share))
	if share == 1 {
		m.worst = append(largest(count(t.product()), bar), largest(count(t.rest()), bar)...)
	}
	return m
}

// packageSize counts the lines of each package of pkg and cmd without tests.
func packageSize(t tree) measure {
	lines := map[string]int{}
	for _, s := range t.product() {
		lines[s.folder] += len(s.lines)
	}
	var all []sized
	for folder, n := range lines {
		all = append(all, sized{n, folder})
	}
	slices.SortFunc(all, func(a, b sized) int { return b.n - a.n })
	return atMost("lines of a package, largest", 1500, percentile(all, 1), largest(all, 1500))
}
