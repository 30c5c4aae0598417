package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/effects/logfollow"
	"data-space.liqo.io/pkg/programs/agent"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/recorder"
	"data-space.liqo.io/pkg/values/apis"
)

const (
	defaultRecord  = "/var/lib/data-spacer/record"
	defaultPodLogs = "/proc/1/root/var/log/pods"

	mebi = 1 << 20
	// smallestRecord is two segments.
	smallestRecord, segment = 16, 8 * mebi
)

// recordOptions are the flags of the record.
type recordOptions struct {
	folder, logs string
	mebibytes    int64
}

func (o *recordOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.folder, "record-dir", "", "`folder` for the record: what the proxies of foreign pods log is copied there while it is written; "+
		"empty: no record. In deploy/: "+defaultRecord)
	f.Int64Var(&o.mebibytes, "record-mebibytes", 256, "`size` of the record of each guest on this node; the oldest part is removed first")
	f.StringVar(&o.logs, "pod-logs-dir", defaultPodLogs, "`folder` in which the kubelet keeps container logs, as the agent sees it")
}

func (o *recordOptions) check() error {
	var problems []error
	if o.folder != "" && !strings.HasPrefix(o.folder, "/") {
		problems = append(problems, fmt.Errorf("--record-dir=%q: not an absolute path; give one on the node, such as %s", o.folder, defaultRecord))
	}
	if o.mebibytes < smallestRecord {
		problems = append(problems, fmt.Errorf("--record-mebibytes=%d: too small; give at least %d", o.mebibytes, smallestRecord))
	}
	return errors.Join(problems...)
}

// newRecord returns what copies the logs of the agent's pods, and those of the resolver, until its context ends.
func newRecord(n node, a *agent.Agent, guests recorder.Guests, probes *record.Probes) (func(context.Context) error, error) {
	if n.record.folder == "" {
		return func(context.Context) error { return nil }, nil
	}
	// One poll goes by one list: with two, a line could concern neither its guest nor the source without one, and be lost.
	var polled map[string]string
	resolvers := logfollow.Listed(n.record.logs, apis.SystemNamespace, apis.Logging())
	r, err := recorder.New(recorder.Config{
		Logs: n.record.logs, Folder: n.record.folder, Log: n.log,
		Sources: func() []record.Source {
			polled = guests()
			return append(recorder.Proxies(a.Pods()), recorder.Names(resolvers(), polled)...)
		},
		Concerns: func(e record.Entry) bool { return record.Concerns(e, polled) },
		Known:    func() bool { return polled != nil }, Probes: probes,
		Answered: a.ProxyEnded, Unread: a.ProxyUnread, Forgotten: a.ProxyGone, Digested: n.facts.Recorded, Synced: n.facts.Guests(n.record.folder).Synced,
	}.Bounded(n.record.mebibytes, segment))
	if err != nil {
		return nil, fmt.Errorf("--record-dir=%s: %w", n.record.folder, err)
	}
	return r.Run, nil
}

// requestsCommand prints the record of this node.
func requestsCommand() *cobra.Command {
	q, folder, output := recorder.Query{}, "", ""
	c := &cobra.Command{
		Use:   "requests",
		Short: "print what the foreign pods of this node asked for and were asked for",
		Long:  "requests prints what the foreign pods of this node asked for and were asked for, from the record on the node.",
		RunE: func(c *cobra.Command, _ []string) error {
			q.JSON = output == "json"
			if err := recorder.Print(c.OutOrStdout(), folder, q); err != nil {
				return err
			}
			_, err := fmt.Fprint(c.ErrOrStderr(), recorder.Unknown(folder, q.Guest))
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&folder, "record-dir", defaultRecord, "`folder` of the record")
	f.StringVar(&q.Guest, "guest", "", "`id` of a guest cluster; empty: all")
	f.StringVar(&q.Pod, "pod", "", "`namespace/name` of a pod; empty: all")
	f.DurationVar(&q.Within, "since", 0, "`time` before now from which on the record is printed; 0: all of it")
	f.BoolVar(&q.Probes, "probes", false, "print the kubelet's probes as well")
	cli.Output(f, &output, "table")
	return c
}
