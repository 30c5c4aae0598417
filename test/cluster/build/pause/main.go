// Command pause keeps a pod's namespaces open until it receives a signal.
package main

import (
	"os/signal"
	"syscall"

	"context"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
}
