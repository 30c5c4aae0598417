package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"data-space.liqo.io/test/cluster/internal/cluster"
	"data-space.liqo.io/test/cluster/internal/machine"
	"data-space.liqo.io/test/cluster/internal/plan"
	"data-space.liqo.io/test/cluster/internal/steps"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == machine.Verb {
		os.Exit(machine.Main(os.Args[2:], os.Stdin, os.Stdout))
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command as a function: it returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return 2
	}
	v, ok := verbs()[args[0]]
	if !ok {
		fmt.Fprintf(stderr, "lab: no verb %q\n", args[0])
		usage(stderr)
		return 2
	}
	c, err := newCluster(stderr)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		err = v.run(ctx, c, args[1:], stdout)
	}
	var status exitError
	if errors.As(err, &status) {
		return int(status)
	}
	if err != nil {
		fmt.Fprintf(stderr, "lab %s: %v\n", args[0], err)
		return 1
	}
	return 0
}

func newCluster(stderr io.Writer) (*cluster.Cluster, error) {
	name := cmp.Or(os.Getenv("DATA_SPACER_LAB"), plan.DefaultName)
	dirs, err := plan.NewDirs(name)
	if err != nil {
		return nil, err
	}
	root, err := repository()
	if err != nil {
		return nil, err
	}
	return &cluster.Cluster{Lab: plan.TwoNodes(name), Dirs: dirs, Root: root, Log: steps.New(stderr)}, nil
}

// repository is the nearest directory upwards that holds the lab's pins.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		_, err := os.Stat(filepath.Join(dir, "test", "cluster", "upstream", "go.mod"))
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("find the repository: %w", err)
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("run the lab from inside the repository: test/cluster/upstream/go.mod was not found upwards")
		}
	}
}
