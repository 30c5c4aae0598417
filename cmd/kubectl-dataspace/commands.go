package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"data-space.liqo.io/pkg/effects/agentexec"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/kubectlplugin"
)

func auditCommand() *cobra.Command {
	var p place
	var form string
	c := &cobra.Command{
		Use:   "audit",
		Short: "have every node read its kernel, and show whether each foreign pod is contained",
		Long: "audit has the agent of every node read the rules of its foreign pods in the kernel, and compares them with the pods that the API server has.\n" +
			"It ends with status 0 if there is no problem, 3 if there is one, 1 if the API server does not answer.",
		RunE: func(c *cobra.Command, _ []string) error { return runAudit(c.Context(), p, form, c.OutOrStdout()) },
	}
	cli.Output(c.Flags(), &form, "table", "wide", "yaml")
	p.flags(c.Flags())
	return c
}

// statusProblem is the exit status of "audit" if there is a problem, and of "explain" for a connection that is refused.
const statusProblem = 3

func runAudit(ctx context.Context, p place, form string, stdout io.Writer) error {
	cluster, _, err := p.connect()
	if err != nil {
		return err
	}
	report, err := kubectlplugin.Audit(ctx, cluster)
	if err != nil {
		return err
	}
	if err := kubectlplugin.Print(stdout, report, form, time.Now()); err != nil {
		return err
	}
	if !report.Healthy {
		return cli.Exit(statusProblem)
	}
	return nil
}

func explainCommand() *cobra.Command {
	var p place
	var form string
	var q kubectlplugin.Connection
	c := &cobra.Command{
		Use:   "explain POD [--to ADDRESS:PORT | --from ADDRESS --port PORT]",
		Short: "show the rules of a foreign pod with their reasons, or which NetworkPolicy decides on a connection of a pod",
		Long: "explain asks the agent of the pod's node which rules the kernel holds for a foreign pod, why, and how many packets each has met.\n" +
			"With --to or --from it asks what NetworkPolicy makes of a connection of the pod, and which rule decides: it ends with status 0 if\n" +
			"the connection is allowed, 3 if it is refused, 1 if that is not known.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := q.Check(); q.Asked() && err != nil {
				return cli.Usage(err)
			}
			return runExplain(c.Context(), p, args[0], form, q, c.OutOrStdout())
		},
	}
	cli.OneArgument(c, "the pod's name, with or without its namespace and a slash before it")
	f := c.Flags()
	f.StringVar(&q.To, "to", "", "`ADDRESS:PORT` that the pod calls: a backend's, not a Service's")
	f.StringVar(&q.From, "from", "", "`address` from which the pod is called")
	f.Uint16Var(&q.Port, "port", 0, "`number` of the pod's port that is called, with --from")
	cli.Choice(f, "protocol", "protocol of the connection", &q.Protocol, "tcp", "udp", "sctp", "icmp")
	cli.Output(f, &form, "text")
	p.flags(f)
	return c
}

func runExplain(ctx context.Context, p place, pod, form string, q kubectlplugin.Connection, stdout io.Writer) error {
	cluster, namespace, err := p.connect()
	if err != nil {
		return err
	}
	if before, name, found := strings.Cut(pod, "/"); found {
		namespace, pod = before, name
	}
	if !q.Asked() {
		return kubectlplugin.Rules(ctx, cluster, stdout, namespace, pod, form)
	}
	err = kubectlplugin.Explain(ctx, cluster, stdout, namespace, pod, form, q)
	var ended agentexec.StatusError
	if errors.As(err, &ended) {
		return cli.Exit(ended.Status)
	}
	return err
}

func requestsCommand() *cobra.Command {
	var p place
	q := kubectlplugin.Query{}
	c := &cobra.Command{
		Use:   "requests",
		Short: "show what guests' pods requested and looked up, from the record of every node",
		RunE: func(c *cobra.Command, _ []string) error {
			cluster, namespace, err := p.connect()
			if err != nil {
				return err
			}
			if q.Pod != "" && !strings.Contains(q.Pod, "/") {
				q.Pod = namespace + "/" + q.Pod
			}
			return kubectlplugin.Requests(c.Context(), cluster, c.OutOrStdout(), q)
		},
	}
	f := c.Flags()
	f.StringVar(&q.Pod, "pod", "", "`name` of the pod, with or without its namespace and a slash before it; also of one that is gone")
	f.StringVar(&q.Guest, "guest", "", "`cluster id` of the guest")
	f.DurationVar(&q.Since, "since", 0, "how `long` ago the oldest entry may be; default: all entries")
	cli.Output(f, &q.Form, "table")
	p.flags(f)
	return c
}
