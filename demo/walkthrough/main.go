// Command walkthrough runs the demo's claims on the lab that is up, and prints a table: claim, expected, observed, ok or FAILED.
// It needs root, and KUBECONFIG: go run ./test/cluster exec -- go run ./demo/walkthrough
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"data-space.liqo.io/demo/walkthrough/table"
	"data-space.liqo.io/test/claims"
)

func main() { os.Exit(run(os.Args[1:])) }

// run returns 0 when every row is ok, 1 when one is not, 2 when the arguments are wrong.
func run(args []string) int {
	flags := flag.NewFlagSet("walkthrough", flag.ContinueOnError)
	root := flags.String("root", ".", "the repository, for its deploy and demo/manifests")
	limit := flags.Duration("limit", 10*time.Minute, "until the walk-through gives up")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	start := time.Now()
	say := func(format string, args ...any) {
		fmt.Printf("[%5.1f s] %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, args...))
	}
	world, err := claims.Open(*root, say)
	if err == nil {
		err = world.Deploy(ctx)
	}
	if err != nil {
		say("FAILED: %v", err)
		return 1
	}
	return tell(ctx, world, say)
}

// tell observes all rows, prints the table and what to try next.
func tell(ctx context.Context, world *claims.World, say func(string, ...any)) int {
	failed, cells := 0, [][]string{}
	for _, row := range world.Rows() {
		result := claims.Run(ctx, row)
		state := "ok"
		if !result.OK {
			state = "FAILED"
			failed++
		}
		say("%-6s %s (%.1f s)", state, result.Claim, result.Took.Seconds())
		cells = append(cells, []string{result.Claim, result.Expected, result.Observed, state})
	}
	fmt.Println()
	if err := table.Print(os.Stdout, []string{"claim", "expected", "observed", "state"}, []int{38, 32, 52, 6}, cells); err != nil {
		say("%v", err)
		return 1
	}
	if failed > 0 {
		fmt.Printf("\n%d of %d rows FAILED. The lab stays up: go run ./test/cluster kubectl -n data-spacer logs ds/data-space-agent\n", failed, len(cells))
		return 1
	}
	fmt.Printf("\nAll %d rows ok. The lab stays up; try next:\n%s", len(cells), next)
	return 0
}

const next = `  go run ./test/cluster kubectl get pods -A -o wide
  go run ./test/cluster kubectl -n pharma-space logs deploy/pharma -c data-space-proxy --tail 5
  go run ./test/cluster kubectl -n data-spacer exec ds/data-space-agent -- agent status
  go run ./test/cluster kubectl -n hospital-space exec visitor -- hospital-app get http://pharma.pharma-space/results
  make demo-down
`
