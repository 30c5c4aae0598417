package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"data-space.liqo.io/pkg/decisions/doctor"
	"data-space.liqo.io/pkg/programs/kubectlplugin"
	"data-space.liqo.io/pkg/programs/reportpage"
)

func reportCommand() *cobra.Command {
	var p place
	var since time.Duration
	c := &cobra.Command{
		Use:   "report",
		Short: "write one page of HTML about what guests did and what held them, with the proof of each line",
		Long: "report reads every node's log of facts and record of requests, verifies both, and writes a page that needs nothing else and can be printed, to stdout.\n" +
			"What could not be read is named on the page, and the exit status is 3.",
		RunE: func(c *cobra.Command, _ []string) error { return runReport(c, p, since) },
	}
	c.Flags().DurationVar(&since, "since", month, "how `long` ago the time of the report begins")
	p.flags(c.Flags())
	return c
}

func doctorCommand() *cobra.Command {
	var p place
	c := &cobra.Command{
		Use:   "doctor",
		Short: "find what keeps Data Spacer from holding in this cluster, or leads past it, each with its cure",
		Long: "doctor examines nodes, agents, other data planes, Liqo's settings, our programs and guests' namespaces. It changes nothing.\n" +
			"It ends with status 0 if there is no problem, 3 if there is one, 1 if the API server does not answer.",
		RunE: func(c *cobra.Command, _ []string) error {
			cluster, _, err := p.connect()
			if err != nil {
				return err
			}
			found, err := kubectlplugin.Examine(c.Context(), cluster)
			if err != nil {
				return err
			}
			return healthy(doctor.Healthy(found), kubectlplugin.PrintFindings(c.OutOrStdout(), found, p.style(c), time.Now()))
		},
	}
	p.flags(c.Flags())
	return c
}

const month = 30 * 24 * time.Hour

func runReport(c *cobra.Command, p place, since time.Duration) error {
	cluster, _, err := p.connect()
	if err != nil {
		return err
	}
	now := time.Now()
	page, missing, err := kubectlplugin.Report(c.Context(), cluster, now.Add(-since), now)
	if err != nil {
		return err
	}
	verified, err := kubectlplugin.Verify(c.Context(), cluster, nil)
	if err != nil {
		return err
	}
	d := reportpage.Document{Page: page, Cluster: p.name(), Written: now, Verified: &verified, Missing: missing}
	if p.style(c).ForPeople() {
		err = reportpage.Write(c.OutOrStdout(), d)
	} else {
		err = p.style(c).Encode(c.OutOrStdout(), d)
	}
	return healthy(len(missing) == 0, err)
}

// name is what a page calls the cluster.
func (p *place) name() string {
	if config, _, err := p.kubeconfig.Connect(); err == nil && p.socket == "" {
		return config.Host
	}
	node, _ := os.Hostname() // a page without a name is a page as well
	return node
}
