// Command pause waits for a signal: the first process of a sandbox, and of a container that has nothing to do. With an
// argument it prints numbered lines meanwhile, each of which begins with the argument. With the argument "listen" it
// listens on the TCP ports that follow instead, as a proxy does.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	switch {
	case len(os.Args) > 1 && os.Args[1] == "listen":
		defer listen(os.Args[2:])()
	case len(os.Args) > 1:
		go say(os.Args[1])
	}
	<-end
}

// listen returns what closes the listeners: one that is not referred to is collected, and closed.
func listen(ports []string) (end func()) {
	var all []net.Listener
	var config net.ListenConfig
	config.SetMultipathTCP(false) // Go's default, and not Envoy's
	for _, port := range ports {
		l, err := config.Listen(context.Background(), "tcp", ":"+port)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		all = append(all, l)
	}
	return func() {
		for _, l := range all {
			_ = l.Close()
		}
	}
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
