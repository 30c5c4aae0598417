package iptables

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Counts is how many rules each table of each family holds.
type Counts map[string]map[string]int

// String returns the counts for people, in a fixed order.
func (c Counts) String() string {
	var families []string
	for _, family := range slices.Sorted(maps.Keys(c)) {
		var tables []string
		for _, table := range slices.Sorted(maps.Keys(c[family])) {
			tables = append(tables, fmt.Sprintf("%s %d", table, c[family][table]))
		}
		families = append(families, family+" "+strings.Join(tables, ", "))
	}
	return strings.Join(families, "; ")
}

// Total is how many rules there are in all tables.
func (c Counts) Total() int {
	n := 0
	for _, tables := range c {
		for _, rules := range tables {
			n += rules
		}
	}
	return n
}
