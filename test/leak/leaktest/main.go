// Command leaktest tries every way out of every foreign pod of the demo, on the lab that is up: as the tenant, and with
// CAP_NET_RAW added. It prints a line per probe and a last line "N probes, M leaks", and fails if M is not zero. It needs
// root: go run ./test/cluster exec -- leaktest -attacker FILE
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"data-space.liqo.io/test/claims"
	"data-space.liqo.io/test/leak/field"
	"data-space.liqo.io/test/leak/trial"
)

func main() { os.Exit(run(os.Args[1:])) }

// run returns 0 when nothing leaked, 1 when something did or could not be tried, 2 when the arguments are wrong.
func run(args []string) int {
	flags := flag.NewFlagSet("leaktest", flag.ContinueOnError)
	root := flags.String("root", ".", "the repository, for its deploy and demo/manifests")
	attacker := flags.String("attacker", "", "the program to put into the pods: go build ./test/leak/attacker, static")
	limit := flags.Duration("limit", 15*time.Minute, "until it gives up")
	if flags.Parse(args) != nil || *attacker == "" {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	say := func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	world, err := claims.Open(*root, say)
	if err == nil {
		err = world.Deploy(ctx)
	}
	var results []trial.Result
	if err == nil {
		err = world.Openly(ctx, func() (err error) {
			results, err = attackAll(ctx, *attacker, say)
			return err
		})
	}
	if err != nil {
		say("FAILED: %v", err)
	}
	say("%s", trial.Summary(results))
	if err != nil || len(trial.Leaking(results)) > 0 {
		return 1
	}
	return 0
}

func attackAll(ctx context.Context, attacker string, say func(string, ...any)) ([]trial.Result, error) {
	cluster, err := field.Open()
	if err != nil {
		return nil, err
	}
	return cluster.AttackAll(ctx, attacker, say)
}
