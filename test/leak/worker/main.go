// Command worker is the static program that does ordinary work inside a pod: `serve` until its input ends, or `call KIND
// ADDRESS`.
package main

import (
	"fmt"
	"os"

	"data-space.liqo.io/test/leak/ordinary"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	var err error
	switch {
	case len(args) == 1 && args[0] == "serve":
		err = ordinary.Serve(os.Stdin)
	case len(args) == 3 && args[0] == "call":
		err = ordinary.Call(args[1], args[2])
	default:
		err = fmt.Errorf("worker serve | call KIND ADDRESS")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		return 1
	}
	fmt.Println("ok")
	return 0
}
