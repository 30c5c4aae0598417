package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"

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
