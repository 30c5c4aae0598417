package main

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/kubectlplugin"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// statusProblem is the exit status of a command that found a problem, and of "explain" for a connection that is refused.
const statusProblem = 3

func healthy(well bool, err error) error {
	if err == nil && !well {
		err = cli.Exit(statusProblem)
	}
	return err
}

func auditCommand() *cobra.Command {
	var p place
	c := &cobra.Command{
		Use:   "audit",
		Short: "have every node read its kernel, and show whether each foreign pod is contained",
		Long: "audit has the agent of every node read the rules of its foreign pods in the kernel, and compares them with the pods that the API server has.\n" +
			"It ends with status 0 if there is no problem, 3 if there is one, 1 if the API server does not answer.",
		RunE: func(c *cobra.Command, _ []string) error {
			cluster, _, err := p.connect()
			if err != nil {
				return err
			}
			report, err := kubectlplugin.Audit(c.Context(), cluster)
			if err != nil {
				return err
			}
			return healthy(report.Healthy, kubectlplugin.Print(c.OutOrStdout(), report, p.style(c), time.Now()))
		},
	}
	p.flags(c.Flags())
	return c
}

func verifyCommand() *cobra.Command {
	var p place
	var folder string
	c := &cobra.Command{
		Use:   "verify",
		Short: "have every node read its kernel, its log of facts and its record of requests again, and compare them with witnesses",
		Long: "verify has every agent compare what its kernel holds with the plan, its log of facts with the checkpoint and its record of requests with the log, and\n" +
			"shows what the witnesses know. With --keep it verifies on this machine that each log continues what was kept of it before.\n" +
			"It ends with status 0 if there is no problem, 3 if there is one, 1 if the API server does not answer.",
		RunE: func(c *cobra.Command, _ []string) error {
			cluster, _, err := p.connect()
			if err != nil {
				return err
			}
			var kept kubectlplugin.Checkpoints
			if folder != "" {
				kept = kubectlplugin.Folder(folder)
			}
			v, err := kubectlplugin.Verify(c.Context(), cluster, kept)
			if err != nil {
				return err
			}
			return healthy(v.Healthy, kubectlplugin.PrintVerification(c.OutOrStdout(), v, p.style(c), time.Now()))
		},
	}
	c.Flags().StringVar(&folder, "keep", "", "`folder` for each log's keys and newest checkpoint; what is there is compared first")
	p.flags(c.Flags())
	return c
}

func explainCommand() *cobra.Command {
	var p place
	var q kubectlplugin.Connection
	var at string
	c := &cobra.Command{
		Use:   "explain POD [--to ADDRESS:PORT | --from ADDRESS --port PORT] [--at TIME]",
		Short: "show the rules of a foreign pod with their reasons, or which NetworkPolicy decides on a connection of a pod",
		Long: "explain asks the agent of the pod's node which rules the kernel holds for a foreign pod, why, what each keeps, and how many packets each has met.\n" +
			"With --to or --from it asks what NetworkPolicy makes of a connection of the pod, and which rule decides: it ends with status 0 if\n" +
			"the connection is allowed, 3 if it is refused, 1 if that is not known. With --at it shows, from the nodes' logs of facts, how the pod was held then,\n" +
			"or, with --to or --from, which rule of which NetworkPolicy decided then.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := q.Check(); q.Asked() && err != nil {
				return cli.Usage(err)
			}
			return runExplain(c, p, args[0], at, q)
		},
	}
	cli.OneArgument(c, "the pod's name, with or without its namespace and a slash before it")
	f := c.Flags()
	f.StringVar(&q.To, "to", "", "`ADDRESS:PORT` that the pod calls: a backend's, not a Service's")
	f.StringVar(&q.From, "from", "", "`address` from which the pod is called")
	f.Uint16Var(&q.Port, "port", 0, "`number` of the pod's port that is called, with --from")
	f.StringVar(&at, "at", "", "`time` of the past, or how long ago it is: how the pod was held then, or with --to or --from which policy decided then, by the nodes' logs")
	cli.Choice(f, "protocol", "protocol of the connection", &q.Protocol, "tcp", "udp", "sctp", "icmp")
	p.flags(f)
	return c
}

func runExplain(c *cobra.Command, p place, pod, at string, q kubectlplugin.Connection) error {
	var moment time.Time
	var err error
	if at != "" {
		if moment, err = kubectlplugin.ParseMoment(at, time.Now()); err != nil {
			return cli.Usage(err)
		}
	}
	cluster, namespace, err := p.connect()
	if err != nil {
		return err
	}
	if before, name, found := strings.Cut(pod, "/"); found {
		namespace, pod = before, name
	}
	err = kubectlplugin.ExplainAll(c.Context(), cluster, c.OutOrStdout(), netpolicy.Key{Namespace: namespace, Name: pod}, p.style(c), q, moment)
	if errors.Is(err, kubectlplugin.ErrRefused) {
		return cli.Exit(statusProblem)
	}
	return err
}

func requestsCommand() *cobra.Command {
	p, q := place{}, kubectlplugin.Query{}
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
			return kubectlplugin.Requests(c.Context(), cluster, c.OutOrStdout(), q, p.style(c))
		},
	}
	f := c.Flags()
	f.StringVar(&q.Pod, "pod", "", "`name` of the pod, with or without its namespace and a slash before it; also of one that is gone")
	f.StringVar(&q.Guest, "guest", "", "`cluster id` of the guest")
	f.DurationVar(&q.Since, "since", 0, "how `long` ago the oldest entry may be; default: all entries")
	f.BoolVar(&q.Probes, "probes", false, "show the kubelet's probes as well")
	p.flags(f)
	return c
}

func watchCommand() *cobra.Command {
	var p place
	var q kubectlplugin.Watching
	var since time.Duration
	var pod string
	c := &cobra.Command{
		Use:   "watch",
		Short: "show requests, names, drops, drift and states of guests' pods on every node as they happen",
		RunE: func(c *cobra.Command, _ []string) error {
			cluster, _, err := p.connect()
			if err != nil {
				return err
			}
			if err := q.Check(); err != nil {
				return cli.Usage(err)
			}
			if q.Namespace, q.Pod = p.kubeconfig.Named(), pod; strings.Contains(pod, "/") {
				q.Namespace, q.Pod, _ = strings.Cut(pod, "/")
			}
			if since > 0 || q.Follow && q.Last == 0 {
				q.Since = time.Now().Add(-since)
			}
			return kubectlplugin.Watch(c.Context(), cluster, c.OutOrStdout(), q, p.style(c))
		},
	}
	f := c.Flags()
	f.StringVar(&q.Guest, "guest", "", "`cluster id` of the guest")
	f.StringVar(&pod, "pod", "", "`name` of the pod, with or without its namespace and a slash before it")
	f.StringSliceVar(&q.Types, "type", nil, "comma-separated `types`: "+strings.Join(happening.Types(), ", "))
	f.StringSliceVar(&q.Verdicts, "verdict", nil, "comma-separated `verdicts`: "+strings.Join(happening.Verdicts(), ", "))
	f.DurationVar(&since, "since", 0, "how `long` ago the oldest event may be; default: all, and with --follow only new ones")
	f.IntVar(&q.Last, "last", 0, "only so `many` of the newest")
	f.BoolVarP(&q.Follow, "follow", "f", false, "go on with what happens from now on")
	p.flags(f, kubectlplugin.FormCompact)
	return c
}
