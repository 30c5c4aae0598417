// Command pause waits for a signal: the first process of a sandbox, and of a container that has nothing to do. With an
// argument it prints numbered lines meanwhile, each of which begins with the argument.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	if len(os.Args) > 1 {
		go say(os.Args[1])
	}
	<-end
}

// say prints a line each millisecond; each hundredth is longer than the runtime writes in one piece.
func say(prefix string) {
	const usual, long, often = 100, 40_000, 100
	for n := 0; ; n++ {
		size := usual
		if n%often == 0 {
			size = long
		}
		fmt.Printf("{\"from\":%q,\"n\":%d,\"filler\":%q}\n", prefix, n, strings.Repeat("x", size))
		time.Sleep(time.Millisecond)
	}
}
