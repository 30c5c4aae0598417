// Command rules writes RULES.md: the rules of a foreign pod's network namespace, each with its reason.
package main

import (
	"fmt"
	"os"

	"data-space.liqo.io/pkg/decisions/redirect"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "usage: rules FILE")
		return 2
	}
	if err := os.WriteFile(args[0], []byte(redirect.Document()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
