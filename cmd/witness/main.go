// Command witness cosigns the checkpoints of nodes' logs of facts. The party that does not trust the cluster runs it.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"data-space.liqo.io/pkg/effects/witnessfile"
	"data-space.liqo.io/pkg/programs/agentserver"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/witness"
)

func main() { os.Exit(cli.Main(command())) }

func command() *cobra.Command {
	var logging cli.Log
	var name, folder, keys, listen string
	c := &cobra.Command{
		Use:   "witness",
		Short: "witness cosigns the checkpoints of nodes' logs of facts that continue what it cosigned before",
		PreRunE: func(*cobra.Command, []string) error {
			if name == "" || keys == "" {
				return cli.Usage(fmt.Errorf("--name=%q --log-keys=%q: give both; \"agent record keys\" prints the lines of the file", name, keys))
			}
			return nil
		},
		RunE: cli.Serve(&logging, func(ctx context.Context, logger *slog.Logger) error {
			text, err := os.ReadFile(keys) //nolint:gosec // the flag names it
			if err != nil {
				return fmt.Errorf("--log-keys=%s: %w; give a file with the public keys of the logs, one a line", keys, err)
			}
			state, err := witnessfile.Open(folder)
			if err != nil {
				return fmt.Errorf("--state-dir=%s: %w", folder, err)
			}
			defer state.Close()
			w, err := witness.New(name, strings.Split(string(text), "\n"), state, logger)
			if err != nil {
				return err
			}
			listener, err := agentserver.Listen(ctx, listen)
			if err != nil {
				return fmt.Errorf("--listen=%s: %w; give another one", listen, err)
			}
			logger.Info("witness starts", "address", listener.Addr().String(), "key", w.Key())
			return agentserver.Serve(ctx, listener, w.Handler())
		}),
	}
	f := c.Flags()
	f.StringVar(&name, "name", "", "`name` of the witness, part of its key, such as pharma.example/witness")
	f.StringVar(&keys, "log-keys", "", "`file` with the public keys of the logs that it knows, one a line (\"agent record keys\" prints them)")
	f.StringVar(&folder, "state-dir", "/var/lib/data-spacer-witness", "`folder` for its key and the checkpoints that it cosigned")
	f.StringVar(&listen, "listen", ":8088", "`host:port` to answer at, by HTTP")
	logging.Flags(f)
	return c
}
