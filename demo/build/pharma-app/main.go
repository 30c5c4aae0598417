// Command pharma-app is the demo's guest: it computes a study over the hospital's data, as a service or as a Job.
// `pharma-app probe` turns it into a hostile tenant (package probe).
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"data-space.liqo.io/demo/probe"
	"data-space.liqo.io/demo/serve"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := do(ctx, args); err != nil {
		slog.Error("pharma-app stops", "error", err)
		return 1
	}
	return 0
}

// do serves on LISTEN, or runs the subcommand that args name: once, get, probe.
func do(ctx context.Context, args []string) error {
	study := newHospital(env("HOSPITAL_URL", "http://hospital.hospital-space.svc.cluster.local"))
	switch {
	case len(args) > 0 && args[0] == "once":
		return once(ctx, study, 30*time.Second, os.Stdout)
	case len(args) > 0 && args[0] == "get":
		return serve.Get(ctx, args[1:], os.Stdout)
	case len(args) > 0 && args[0] == "probe":
		return probe.Run(ctx, args[1:], os.Stdout)
	default:
		return serve.Run(ctx, env("LISTEN", ":8080"), newHandler(study))
	}
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
