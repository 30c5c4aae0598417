// Command agent enforces the foreign pods of its node, and tells what it enforces (agent status).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"data-space.liqo.io/pkg/programs/agent"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run returns the exit status: 0 when told to stop, 1 when the program failed, 2 when it was called wrongly.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	command := serve
	if len(args) > 0 && args[0] == "status" {
		command, args = status, args[1:]
	}
	err := command(ctx, args, getenv, stdout, stderr)
	var usage usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "agent:", err)
		return 2
	default:
		fmt.Fprintln(stderr, "agent:", err)
		return 1
	}
}

// status asks the agent of this node.
func status(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	o, err := parseStatus(args, getenv, stderr)
	if err != nil {
		return err
	}
	answer, err := agent.Ask(ctx, o.socket)
	if err != nil {
		return err
	}
	if o.output == "json" {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		return out.Encode(answer)
	}
	return agent.Print(stdout, answer, time.Now())
}
