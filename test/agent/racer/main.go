// Command racer is the tenant's program in the race tests, which tries to send a packet from its first instruction on, and a
// stand-in for the proxy.
package main

import (
	"errors"
	"fmt"
	"os"
	"time"
)

func main() { os.Exit(status(run(os.Args[1:]))) }

func status(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// run takes "flood PACE ADDRESS…", "proxy ADDRESS:PORT…" or "hog".
func run(args []string) error {
	if len(args) == 0 {
		return errors.New("say what to do")
	}
	switch args[0] {
	case "flood":
		pace, err := time.ParseDuration(args[1])
		if err != nil {
			return err
		}
		return flood(pace, args[2:])
	case "proxy":
		return proxy(args[1:])
	case "hog":
		return hog()
	default:
		return fmt.Errorf("%q: unknown", args[0])
	}
}
