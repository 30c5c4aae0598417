// Command pause holds a pod's namespaces: it waits to be told to end.
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
