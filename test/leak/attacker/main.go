// Command attacker is the static program that is copied into a foreign pod to try every way out of it.
package main

import (
	"os"

	"data-space.liqo.io/test/leak/attack"
)

func main() { os.Exit(attack.Main(os.Args[1:], os.Stdin, os.Stdout)) }
