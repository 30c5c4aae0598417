// Command webhook injects the proxy into the pods of foreign namespaces, and refuses objects that could bypass it.
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

	"data-space.liqo.io/pkg/programs/webhook"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// run returns the exit status: 0 when told to stop, 1 when the program failed, 2 when it was called wrongly.
func run(args []string, stderr io.Writer) int {
	settings, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	var config *rest.Config
	if err == nil {
		config, err = connect(settings.kubeconfig)
	}
	if err != nil {
		fmt.Fprintf(stderr, "webhook: %v\n", err)
		return 2
	}
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: settings.level, ReplaceAttr: plain}))
	ctrl.SetLogger(logr.FromSlogHandler(logger.Handler()))
	klog.SetSlogLogger(logger) //nolint:forbidigo // The bridge by which client-go logs through ours.

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := webhook.Run(ctx, config, settings.options, logger); err != nil {
		logger.Error("webhook failed", "error", err)
		return 1
	}
	return 0
}

// plain logs an error's message alone: some libraries' errors would print their stack.
func plain(_ []string, attribute slog.Attr) slog.Attr {
	if err, is := attribute.Value.Any().(error); is {
		attribute.Value = slog.StringValue(err.Error())
	}
	return attribute
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
		return nil, fmt.Errorf("--kubeconfig: %w; name a kubeconfig file that can be read", err)
	}
	return config, nil
}
