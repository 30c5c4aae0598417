package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"data-space.liqo.io/test/cluster/internal/cluster"
	"data-space.liqo.io/test/cluster/internal/plan"
	"data-space.liqo.io/test/cluster/internal/steps"
	"data-space.liqo.io/test/cluster/internal/supply"
)

// verb is one thing that the command does.
type verb struct {
	args, help string
	run        func(ctx context.Context, c *cluster.Cluster, args []string, stdout io.Writer) error
}

func verbs() map[string]verb {
	return map[string]verb{
		"up":         {"", "build or fetch what is missing, and bring the lab up", up},
		"down":       {"", "take the lab down and leave nothing behind", down},
		"status":     {"", "show machines, nodes and pods; exit 1 when something is not well", status},
		"images":     {"", "build the project's images, and load what changed into the nodes", images},
		"kubeconfig": {"", "print the path of the administrator's kubeconfig, valid inside the lab", kubeconfig},
		"env":        {"", "print shell assignments with the path of every program, after making it", env},
		"kernels":    {"", "fetch Debian's stock kernels for tests; print a shell assignment with their directory", kernels},
		"programs":   {"", "fetch the clients and servers of test/transparent; print a shell assignment with their directory", programs},
		"browser":    {"", "fetch the browser of test/browser; print a shell assignment with its directory", browser},
		"exec":       {"[--node NAME] -- CMD ARGS…", "run CMD in the control plane's network, or on a node", execute},
		"kubectl":    {"ARGS…", "run kubectl in the control plane's network", kubectl},
	}
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: lab VERB")
	all := verbs()
	for _, name := range []string{"up", "down", "status", "images", "kubectl", "exec", "kubeconfig", "env", "kernels", "programs", "browser"} {
		fmt.Fprintf(w, "  %-38s %s\n", name+" "+all[name].args, all[name].help)
	}
}

var errRoot = errors.New("root is needed: the lab makes namespaces and cgroups")

// changing runs work alone: no other command changes the lab or its cache meanwhile.
func changing(c *cluster.Cluster, work func() error) error {
	release, err := c.Exclusive()
	if err != nil {
		return err
	}
	defer release()
	return work()
}

func up(ctx context.Context, c *cluster.Cluster, _ []string, _ io.Writer) error {
	if os.Geteuid() != 0 {
		return errRoot
	}
	return changing(c, func() error {
		if err := supplied(ctx, c); err != nil {
			return err
		}
		return c.Up(ctx)
	})
}

// supplied installs the packages and builds or fetches the programs that are missing.
func supplied(ctx context.Context, c *cluster.Cluster) error {
	if err := supply.Packages(ctx, c.Log); err != nil {
		return err
	}
	return c.Supplies(ctx)
}

func down(ctx context.Context, c *cluster.Cluster, _ []string, _ io.Writer) error {
	if os.Geteuid() != 0 {
		return errRoot
	}
	return changing(c, func() error { return c.Down(ctx) })
}

func images(ctx context.Context, c *cluster.Cluster, _ []string, _ io.Writer) error {
	if os.Geteuid() != 0 {
		return errRoot
	}
	return changing(c, func() error {
		if err := supplied(ctx, c); err != nil {
			return err
		}
		return c.Images(ctx)
	})
}

func status(ctx context.Context, c *cluster.Cluster, _ []string, stdout io.Writer) error {
	return c.Status(ctx, stdout)
}

func kubeconfig(_ context.Context, c *cluster.Cluster, _ []string, stdout io.Writer) error {
	_, err := fmt.Fprintln(stdout, c.Dirs.Kubeconfig())
	return err
}

func env(ctx context.Context, c *cluster.Cluster, _ []string, stdout io.Writer) error {
	return changing(c, func() error {
		if err := supply.TestPackages(ctx, c.Log); err != nil {
			c.Log.Say("warning: %v", err)
		}
		if err := errors.Join(c.Supplies(ctx), c.TestSupplies(ctx)); err != nil {
			return err
		}
		for _, line := range supply.Assignments(c.Dirs) {
			fmt.Fprintln(stdout, line)
		}
		return nil
	})
}

func kernels(ctx context.Context, c *cluster.Cluster, _ []string, stdout io.Writer) error {
	return changing(c, func() error {
		if err := supply.Kernels(ctx, c.Dirs, c.Log); err != nil {
			return err
		}
		_, err := fmt.Fprintln(stdout, supply.KernelAssignment(c.Dirs))
		return err
	})
}

func programs(ctx context.Context, c *cluster.Cluster, _ []string, stdout io.Writer) error {
	return fetched(ctx, c, stdout, supply.Programs, supply.ProgramsAssignment)
}

func browser(ctx context.Context, c *cluster.Cluster, _ []string, stdout io.Writer) error {
	return fetched(ctx, c, stdout, supply.Browser, supply.BrowserAssignment)
}

// fetched fetches what some tests need, and prints the assignment with its directory.
func fetched(ctx context.Context, c *cluster.Cluster, stdout io.Writer, fetch func(context.Context, plan.Dirs, *steps.Log) error, assignment func(plan.Dirs) string) error {
	if os.Geteuid() != 0 {
		return errRoot
	}
	return changing(c, func() error {
		if err := fetch(ctx, c.Dirs, c.Log); err != nil {
			return err
		}
		_, err := fmt.Fprintln(stdout, assignment(c.Dirs))
		return err
	})
}

func execute(_ context.Context, c *cluster.Cluster, args []string, _ io.Writer) error {
	flags := flag.NewFlagSet("exec", flag.ContinueOnError)
	node := flags.String("node", "", "the machine to run on; the control plane's network when empty")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("say what to run: exec [--node NAME] -- CMD ARGS…")
	}
	return inside(c, *node, flags.Args())
}

func kubectl(_ context.Context, c *cluster.Cluster, args []string, _ io.Writer) error {
	return inside(c, "", slices.Concat([]string{c.Dirs.Program("kubectl")}, args))
}
