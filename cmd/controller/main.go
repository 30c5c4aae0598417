// Command controller keeps the objects that guard every foreign namespace, and labels the nodes whose agent is ready.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"data-space.liqo.io/pkg/programs/controller"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// run returns the exit status: 0 when told to stop, 1 when the program failed, 2 when it was called wrongly.
func run(args []string, stderr io.Writer) int {
	settings, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "controller: %v (--help lists the flags)\n", err)
		return 2
	}

	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: settings.level}))
	ctrl.SetLogger(logr.FromSlogHandler(logger.Handler()))
	klog.SetSlogLogger(logger) //nolint:forbidigo // the bridge by which client-go logs through ours
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := start(ctx, settings, logger); err != nil {
		fmt.Fprintf(stderr, "controller: %v\n", err)
		return 1
	}
	return 0
}

func start(ctx context.Context, settings settings, logger *slog.Logger) error {
	cluster, err := connect(settings.kubeconfig)
	if err != nil {
		return err
	}
	if err := controller.Run(ctx, cluster, settings.config, logger); err != nil {
		return fmt.Errorf("--kubeconfig=%q: %w", settings.kubeconfig, err)
	}
	return nil
}

// connect reads the kubeconfig, or what Kubernetes gives every pod when none is named.
func connect(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("--kubeconfig: none given, and this is no pod: %w; name a kubeconfig file", err)
		}
		return config, nil
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("--kubeconfig=%s: %w; name a kubeconfig file that can be read", kubeconfig, err)
	}
	return config, nil
}
