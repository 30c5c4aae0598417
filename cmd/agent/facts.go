package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/facts"
)

const defaultFacts = "/var/lib/data-spacer/facts"

// factOptions are the flags of the log of facts.
type factOptions struct {
	folder, collector string
	mebibytes         int64
	witnesses         []*facts.Witness
}

func (o *factOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.folder, "facts-dir", "", "`folder` for the transparency log of what the agent did and found; empty: none. In deploy/: "+defaultFacts)
	cli.Var(f, "witness", "`KEY URL` of a witness that cosigns that log; may be repeated", &o.witnesses, func(text string) ([]*facts.Witness, error) {
		w, err := facts.ParseWitness(text)
		return append(o.witnesses, w), err
	})
	cli.Var(f, "otlp-logs", "`URL` of a collector of OpenTelemetry that is sent the facts as logs, by OTLP over HTTP; none by default", &o.collector, facts.ParseCollector)
	f.Int64Var(&o.mebibytes, "facts-mebibytes", 256, "`size` of the lines of that log; the oldest are removed first")
}

func (o *factOptions) check() error {
	var problems []error
	if o.folder != "" && !strings.HasPrefix(o.folder, "/") {
		problems = append(problems, fmt.Errorf("--facts-dir=%q: not an absolute path; give one on the node, such as %s", o.folder, defaultFacts))
	}
	if o.mebibytes < smallestRecord {
		problems = append(problems, fmt.Errorf("--facts-mebibytes=%d: too small; give at least %d", o.mebibytes, smallestRecord))
	}
	return errors.Join(problems...)
}

func (o *factOptions) config(node, requests string, logger *slog.Logger) facts.Config {
	return facts.Config{
		Folder: o.folder, Options: factlog.Options{Node: node, Total: o.mebibytes * mebi, Segment: segment, Age: 24 * time.Hour},
		Log: logger, Witnesses: o.witnesses, Started: os.Args[1:], Requests: requests, Collector: o.collector,
	}
}

// statusFlawed is the exit status of "agent record verify" for a log that is not intact.
const statusFlawed = 3

// recordCommand is about the log of facts: its commands read the files, and need no agent.
func recordCommand() *cobra.Command {
	var folder, output, proof, to, requests, socket string
	var q facts.Query
	var keys, others []string
	var index int64
	command := func(use, short string, run func(c *cobra.Command) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, RunE: func(c *cobra.Command, _ []string) error { return run(c) }}
	}
	verify := command("verify", "find lines of the node's log that were altered, removed, reordered or signed again; status 3: there are", func(c *cobra.Command) error {
		v, err := facts.Verify(folder, keys, others, requests)
		if err == nil {
			err = v.Print(c.OutOrStdout(), output == "json")
		}
		if err == nil && len(v.Flaws) > 0 {
			err = cli.Exit(statusFlawed)
		}
		return err
	})
	verify.Flags().StringArrayVar(&keys, "key", nil, "public `key` of the log, kept elsewhere; may be repeated; none: those in the folder")
	verify.Flags().StringArrayVar(&others, "against", nil, "`file` with a checkpoint or a proof of the log that was kept elsewhere; may be repeated")
	verify.Flags().StringVar(&requests, "record-dir", defaultRecord, "`folder` of the record of requests, whose hashes are in the log; empty: it is not compared")
	cli.Output(verify.Flags(), &output, "text")
	prove := command("prove", "print the proof that a line is in the node's log", func(c *cobra.Command) error { return facts.Prove(c.OutOrStdout(), folder, index) })
	prove.Flags().Int64Var(&index, "index", 0, "`number` of the line")
	check := command("check", "check a proof, offline, and print the line that it proves", func(c *cobra.Command) error {
		return facts.CheckFile(c.OutOrStdout(), proof, keys, others)
	})
	check.Flags().StringVar(&proof, "proof", "/dev/stdin", "`file` with the proof")
	check.Flags().StringArrayVar(&keys, "key", nil, "public `key` of the log; may be repeated")
	check.Flags().StringArrayVar(&others, "witness-key", nil, "public `key` of a witness that must have cosigned; may be repeated")
	public := command("keys", "print the public keys of the node's log, oldest first", func(c *cobra.Command) error { return facts.Keys(c.OutOrStdout(), folder) })
	export := command("export", "copy the node's log, without its private key, for those who verify it elsewhere", func(*cobra.Command) error { return facts.Export(folder, to) })
	export.Flags().StringVar(&to, "to", "", "`folder` that is made")
	rotate := command("rotate", "have the running agent sign with new keys, and print the public ones", func(c *cobra.Command) error {
		return facts.AskToRotate(c.Context(), c.OutOrStdout(), socket)
	})
	rotate.Flags().StringVar(&socket, "status-socket", defaultStatusSocket, "`path` of the agent's unix socket")
	list := command("list", "print the facts of the node's log and of the guests' logs", func(c *cobra.Command) error {
		q.JSON = output == "json"
		return facts.List(c.OutOrStdout(), folder, q)
	})
	list.Flags().StringVar(&q.Guest, "guest", "", "`id` of a guest cluster; empty: all, and what concerns none")
	list.Flags().StringVar(&q.Pod, "pod", "", "`namespace/name` of a pod; empty: all")
	list.Flags().StringVar(&q.Kind, "kind", "", "`kind` of facts, such as Requested; empty: all")
	list.Flags().DurationVar(&q.Within, "since", 0, "`time` before now from which on facts are printed; 0: all")
	cli.Output(list.Flags(), &output, "table")
	all := command("record", "list, verify, prove and export the transparency log of this node", func(*cobra.Command) error {
		return cli.Usage(errors.New("name a command: list, rotate, verify, prove, check, keys or export"))
	})
	for _, c := range []*cobra.Command{list, verify, prove, public, export} {
		c.Flags().StringVar(&folder, "facts-dir", defaultFacts, "`folder` of the log, or of an exported copy")
	}
	all.AddCommand(list, rotate, verify, prove, check, public, export)
	return all
}
