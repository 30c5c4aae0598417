package webhook

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/effects/factlines"
	"data-space.liqo.io/pkg/effects/hookcert"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// Run serves until ctx ends. It returns an error when the API server refuses what the program needs, or when the
// certificate cannot be made.
func Run(ctx context.Context, config *rest.Config, o Options, logger *slog.Logger) error {
	clients, err := probe(ctx, config, o)
	if err != nil {
		return err
	}
	warnOfPreempting(ctx, clients, o.Grants.PriorityClasses, logger)
	mgr, err := newManager(config, o, logger)
	if err != nil {
		return err
	}
	if err := startInformers(ctx, mgr.GetCache()); err != nil {
		return err
	}
	cert := hookcert.New(hookcert.Settings{Self: o.CertSource == CertSelf, Dir: o.CertDir, Name: Name, Secret: secretName, DNSNames: o.DNSNames})
	if o.CertSource == CertSelf {
		if err := cert.Rotate(mgr); err != nil {
			return err
		}
	}
	drain := drain{ending: ctx.Done()}
	server, err := serverOf(mgr, o, cert, drain, clients, factlines.From(ctx), logger)
	if err != nil {
		return err
	}
	if err := addServer(mgr, server, cert, logger); err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("drain", drain.check); err != nil {
		return fmt.Errorf("adding the readiness check drain: %w", err)
	}
	serving, stop := drained(ctx, o.Drain, logger)
	defer stop()
	return mgr.Start(serving)
}

// serverOf returns the server with everything that decides, whose watches it adds to mgr.
func serverOf(mgr manager.Manager, o Options, cert *hookcert.Certificate, drain drain, clients kubernetes.Interface, sink factlines.Sink, logger *slog.Logger) (webhook.Server, error) {
	priority := &guestPriority{}
	if err := priority.follow(mgr, mgr.GetConfig()); err != nil {
		return nil, fmt.Errorf("watching PriorityClass %s: %w", apis.GuestPriorityClass, err)
	}
	audited, err := newAuditCounter()
	if err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	guests := guestPolicies{flags: o.Grants.WithStandards(), policies: mgr.GetCache(), prepared: &prepared{}}
	namespaces := namespaceReader{cached: mgr.GetCache(), live: mgr.GetAPIReader()}
	seals := &keyring{path: filepath.Join(o.CertDir, cert.KeyFile)}
	reserved, taints, err := newTaintJudge(mgr, o, taintSources{namespaces: namespaces, guests: guests, audited: audited, clients: clients}, logger)
	if err != nil {
		return nil, err
	}
	handlers := map[string]admission.Handler{
		injectPath:   &injector{namespaces: namespaces, guests: guests, audited: audited, proxy: o.Proxy, seals: seals, priority: priority.Value, spaces: o.Spaces, log: logger},
		withholdPath: &withholder{namespaces: namespaces, output: o.APIOutput, log: logger},
		spacePath:    &spaceJudge{names: o.Spaces, log: logger},
		judgePath:    &judge{namespaces: namespaces, guests: guests, rules: rulebook(o.Proxy, seals), reserved: taints.decidedBy(reserved), audited: audited, log: logger},
	}
	report := namespaces.reporting(sink)
	for path, handler := range handlers {
		handlers[path] = report(handler)
	}
	server := newServer(o, cert, drain, newFair(namespaces.Guest, shares(), logger), handlers)
	ordinary := newFair(namespaces.Guest, taintShares(), logger)
	server.Register(taintPath, drain.inFrontOf(taints.inFrontOf(ordinary.inFrontOf(newReviews(report(reserved), logger)))))
	return server, nil
}

// startInformers starts what the first request needs, and does not wait for it.
func startInformers(ctx context.Context, informers cache.Informers) error {
	for _, object := range []client.Object{namespaceMetadata(), &corev1.LimitRange{}, &corev1.ResourceQuota{}, &v1alpha1.GuestPolicy{}} {
		if _, err := informers.GetInformer(ctx, object, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("watching %T: %w; apply deploy, whose crds define the kinds of data-space.liqo.io", object, err)
		}
	}
	return nil
}

// newManager returns a manager whose cache holds the metadata of guests' namespaces, all LimitRanges, ResourceQuotas and GuestPolicies,
// and our own Secret, nothing else.
func newManager(config *rest.Config, o Options, logger *slog.Logger) (manager.Manager, error) {
	scheme, err := v1alpha1.NewScheme()
	if err != nil {
		return nil, err
	}
	mgr, err := manager.New(config, manager.Options{
		Scheme:                 scheme,
		Logger:                 logr.FromSlogHandler(logger.Handler()),
		Metrics:                metricsAt(o.MetricsAddress, o.MetricsCertDir),
		HealthProbeBindAddress: o.HealthAddress,
		Cache: cache.Options{ByObject: map[client.Object]cache.ByObject{
			&corev1.Namespace{}:     {Label: v1alpha1.GuestNamespaces()},
			&corev1.LimitRange{}:    {Transform: cache.TransformStripManagedFields()},
			&v1alpha1.GuestPolicy{}: {Transform: cache.TransformStripManagedFields()},
			&corev1.ResourceQuota{}: {Transform: cache.TransformStripManagedFields()},
			&corev1.Secret{}: {
				Namespaces: map[string]cache.Config{apis.SystemNamespace: {}},
				Field:      fields.OneTermEqualSelector(metav1.ObjectNameField, secretName),
			},
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("setting up: %w; check --metrics-bind-address and --health-bind-address", err)
	}
	return mgr, nil
}

// probe reads once what the program depends on, so that a refused kubeconfig or a missing object is told at once and by name
// instead of being retried in silence.
func probe(ctx context.Context, config *rest.Config, o Options) (kubernetes.Interface, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("setting up against the API server %s: %w; check --kubeconfig", config.Host, err)
	}
	if _, err := clients.CoreV1().Namespaces().List(ctx, metav1.ListOptions{Limit: 1}); err != nil {
		return nil, fmt.Errorf("listing namespaces at the API server %s: %w; check --kubeconfig and the rights in deploy/webhook.yaml",
			config.Host, err)
	}
	if o.CertSource != CertSelf {
		return clients, nil
	}
	if _, err := clients.CoreV1().Secrets(apis.SystemNamespace).Get(ctx, secretName, metav1.GetOptions{}); err != nil {
		return nil, fmt.Errorf("reading Secret %s/%s: %w; apply deploy/webhook.yaml, or use --cert-source=files with a certificate of your own",
			apis.SystemNamespace, secretName, err)
	}
	return clients, nil
}

func newServer(o Options, cert *hookcert.Certificate, d drain, turns *fair, handlers map[string]admission.Handler) webhook.Server {
	server := webhook.NewServer(webhook.Options{
		Port: o.Port, CertDir: o.CertDir, CertName: cert.CertFile, KeyName: cert.KeyFile,
		TLSOpts: []func(*tls.Config){func(c *tls.Config) {
			c.MinVersion = tls.VersionTLS13
			// HTTP/2 has no use here and a record of ways to exhaust a server.
			c.NextProtos = []string{"http/1.1"}
		}},
	})
	for path, handler := range handlers {
		server.Register(path, d.inFrontOf(turns.inFrontOf(newReviews(handler, turns.log))))
	}
	return server
}

// addServer starts the server once there is a certificate, and makes the program ready when it serves and is trusted.
func addServer(mgr manager.Manager, server webhook.Server, cert *hookcert.Certificate, logger *slog.Logger) error {
	err := mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		if err := cert.Wait(ctx, logger); err != nil {
			return nil //nolint:nilerr // It only ends early because the program does.
		}
		return server.Start(ctx)
	}))
	if err != nil {
		return fmt.Errorf("adding the webhook server: %w", err)
	}
	checks := map[string]healthz.Checker{"certificate": cert.Check, "server": server.StartedChecker()}
	for name, check := range checks {
		if err := mgr.AddReadyzCheck(name, check); err != nil {
			return fmt.Errorf("adding the readiness check %s: %w", name, err)
		}
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("adding the health check: %w", err)
	}
	return nil
}
