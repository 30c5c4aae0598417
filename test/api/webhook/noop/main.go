// Command noop is a webhook of the same making as Data Spacer's that lets everything pass: what it costs is the price of a
// webhook's call alone. At /inject it answers with a patch that was made beforehand: the price of what is injected, whoever injects it.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "noop:", err)
	}
}

func run() error {
	port := flag.Int("port", 0, "TLS port")
	dir := flag.String("cert-dir", "", "`directory` of tls.crt and tls.key")
	file := flag.String("patch", "", "`file` of the JSON patch that /inject answers with")
	flag.Parse()
	patch, err := os.ReadFile(*file)
	if err != nil {
		return fmt.Errorf("--patch: %w", err)
	}
	ctrl.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := webhook.NewServer(webhook.Options{Port: *port, CertDir: *dir, TLSOpts: []func(*tls.Config){func(c *tls.Config) {
		c.MinVersion, c.NextProtos = tls.VersionTLS13, []string{"http/1.1"}
	}}})
	answer := func(path string, patch []byte) {
		server.Register(path, &webhook.Admission{Handler: admission.HandlerFunc(func(context.Context, admission.Request) admission.Response {
			allowed := admission.Allowed("")
			if patch != nil {
				kind := admissionv1.PatchTypeJSONPatch
				allowed.Patch, allowed.PatchType = patch, &kind
			}
			return allowed
		})})
	}
	answer("/", nil)
	answer("/inject", patch)
	return server.Start(ctx)
}
