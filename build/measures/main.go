// Command measures prints how the code's shape stands against the project's bars: sizes, comments, names, equal lines.
// It reads source files only, and a bar that is missed is no error: it is printed with the worst places. With --rows it prints a line for
// each measure, for test/house: its name and its value, with a tab between them.
package main

import (
	"fmt"
	"os"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	write, root := show, "."
	if len(args) > 0 && args[0] == "--rows" {
		write, args = rows, args[1:]
	}
	if len(args) == 1 {
		root = args[0]
	}
	if len(args) > 1 {
		fmt.Fprintln(os.Stderr, "usage: measures [--rows] [FOLDER]")
		return 2
	}
	t, err := load(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := write(os.Stdout, []measure{
		fileMedian(t), fileMax(t), functionP90(t), functionMax(t), interfaceMethods(t), documentedMethods(t), documentedFields(t),
		commentRatio(t), packageSize(t), circles(t), exportedUnused(t), oneWordNames(t), equalLines(t),
	}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
