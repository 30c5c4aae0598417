// Command hospital-app is the demo's data owner: a small HTTP service with ten fictional patients.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"data-space.liqo.io/demo/serve"
)

func main() { os.Exit(run(os.Args[1:])) }

// run serves on LISTEN (default :8080), or does `get URL` when asked to.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := error(nil)
	if len(args) > 0 && args[0] == "get" {
		err = serve.Get(ctx, args[1:], os.Stdout)
	} else {
		err = serve.Run(ctx, address(), newHandler(patients()))
	}
	if err != nil {
		slog.Error("hospital-app stops", "error", err)
		return 1
	}
	return 0
}

func address() string {
	if address := os.Getenv("LISTEN"); address != "" {
		return address
	}
	return ":8080"
}
