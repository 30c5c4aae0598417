// Command rules writes RULES.md: the rules of a foreign pod's network namespace, each with its reason.
//
//go:generate go run . ../../RULES.md
package main

import (
	"fmt"
	"os"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "usage: rules FILE")
		return 2
	}
	if err := os.WriteFile(args[0], []byte(document()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
