package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"data-space.liqo.io/pkg/effects/atomicfile"
	"data-space.liqo.io/pkg/values/apis"
)

// certificate is the pair of files the webhook serves with, and whether the API server has been told to trust them.
type certificate struct {
	certFile, keyFile string
	// trusted is closed once the CA stands in the webhook configurations.
	trusted chan struct{}
}

// newCertificate names the files. With CertSelf both are the same file, holding certificate and key: one rename replaces
// the pair, so that no reader ever sees a key with another's certificate.
func newCertificate(o Options) *certificate {
	c := &certificate{certFile: corev1.TLSCertKey, keyFile: corev1.TLSPrivateKeyKey, trusted: make(chan struct{})}
	if o.CertSource == CertSelf {
		c.keyFile = c.certFile
		return c
	}
	close(c.trusted)
	return c
}

// wait blocks until the files hold a certificate with its key.
func (c *certificate) wait(ctx context.Context, dir string, logger *slog.Logger) error {
	for told := false; ; told = true {
		_, err := tls.LoadX509KeyPair(filepath.Join(dir, c.certFile), filepath.Join(dir, c.keyFile))
		if err == nil {
			return nil
		}
		if !told {
			logger.InfoContext(ctx, "waiting for the serving certificate", "directory", dir, "reason", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// check is a readiness check: nil once the API server can trust what is served.
func (c *certificate) check(*http.Request) error {
	select {
	case <-c.trusted:
		return nil
	default:
		return errors.New("the certificate's CA is not in the webhook configurations " + Name + " yet")
	}
}

// rotate adds to mgr what makes, keeps and renews the certificate: the library's rotator writes the Secret and the CA in
// the webhook configurations, every replica alike; certificateFile brings the Secret to the file.
func (c *certificate) rotate(mgr manager.Manager, o Options) error {
	if err := os.MkdirAll(o.CertDir, 0o700); err != nil {
		return fmt.Errorf("--cert-dir: %w; name a directory that can be written", err)
	}
	secret := types.NamespacedName{Namespace: apis.SystemNamespace, Name: secretName}
	file := &certificateFile{reader: mgr.GetClient(), path: filepath.Join(o.CertDir, c.certFile)}
	if err := ctrl.NewControllerManagedBy(mgr).Named("certificate-file").For(&corev1.Secret{}).Complete(file); err != nil {
		return fmt.Errorf("watching Secret %s: %w", secret, err)
	}
	asked := narrow(mgr, map[string]string{
		"secrets": secretName, "mutatingwebhookconfigurations": Name, "validatingwebhookconfigurations": Name,
	})
	err := rotator.AddRotator(asked, &rotator.CertRotator{
		SecretKey:      secret,
		CertDir:        o.CertDir,
		CAName:         Name + "-ca",
		CAOrganization: "data-spacer",
		DNSName:        o.DNSNames[0],
		ExtraDNSNames:  o.DNSNames[1:],
		IsReady:        c.trusted,
		FieldOwner:     Name,
		Webhooks:       []rotator.WebhookInfo{{Name: Name, Type: rotator.Mutating}, {Name: Name, Type: rotator.Validating}},
	})
	if err != nil {
		return fmt.Errorf("setting up the rotation of the certificate in Secret %s: %w", secret, err)
	}
	return nil
}

// certificateFile writes what is in a Secret to a file. A mounted Secret would follow a minute later, and only in a cluster.
type certificateFile struct {
	reader client.Reader
	path   string
}

// Reconcile implements reconcile.Reconciler.
func (f *certificateFile) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	secret := &corev1.Secret{}
	if err := f.reader.Get(ctx, req.NamespacedName, secret); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	cert, key := secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey]
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		// The rotator has not filled the Secret yet, or is about to replace what someone else wrote there.
		return reconcile.Result{}, nil //nolint:nilerr // Not an error: another event follows.
	}
	if err := atomicfile.Write(f.path, slices.Concat(key, cert), 0o600); err != nil {
		return reconcile.Result{}, fmt.Errorf("writing the certificate: %w", err)
	}
	return reconcile.Result{}, nil
}
