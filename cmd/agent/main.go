// Command agent enforces the foreign pods and the NetworkPolicies of its node. Its subcommands report what it enforces and
// why (status, explain, requests), undo it (cleanup), and install or remove its CNI plugin (install-cni, uninstall-cni).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run returns the exit status: 0 when told to stop, 1 when the program failed, 2 when it was called wrongly, 3 when what
// was asked for is denied.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	var command command = serve
	if len(args) > 0 {
		if c, ok := commands()[args[0]]; ok {
			command, args = c, args[1:]
		}
	}
	err := command(ctx, args, getenv, stdout, stderr)
	var usage usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "agent:", err)
		return 2
	case errors.As(err, &denied{}):
		return 3
	default:
		fmt.Fprintln(stderr, "agent:", err)
		return 1
	}
}

type command func(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error

// commands are what the agent does besides serving.
func commands() map[string]command {
	return map[string]command{
		"status": status, "explain": explain, "cleanup": cleanup, "install-cni": installCNI, "uninstall-cni": uninstallCNI,
		"requests": requests,
	}
}
