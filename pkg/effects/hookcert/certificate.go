package hookcert

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"data-space.liqo.io/pkg/values/apis"
)

// Settings say where a certificate is, and who makes it.
type Settings struct {
	// Self: this program makes and renews it, and keeps it in the Secret. Otherwise another program writes the files.
	Self bool
	Dir  string
	// Name is that of both webhook configurations; the Secret is in the system namespace.
	Name, Secret string
	DNSNames     []string // names by which the API server calls the webhook
}

// Certificate is the pair of files the webhook serves with, and whether the API server trusts them.
type Certificate struct {
	settings Settings
	// CertFile and KeyFile are names in the directory.
	CertFile, KeyFile string
	// trusted is closed once the CA stands in the webhook configurations.
	trusted chan struct{}
}

// New names the files. If this program makes the certificate, both are the same file, holding certificate and key: one rename replaces
// the pair, so that no reader ever sees a key with another's certificate.
func New(s Settings) *Certificate {
	c := &Certificate{settings: s, CertFile: corev1.TLSCertKey, KeyFile: corev1.TLSPrivateKeyKey, trusted: make(chan struct{})}
	if s.Self {
		c.KeyFile = c.CertFile
		return c
	}
	close(c.trusted)
	return c
}

// Wait blocks until the files hold a certificate with its key.
func (c *Certificate) Wait(ctx context.Context, logger *slog.Logger) error {
	for logged := false; ; logged = true {
		_, err := tls.LoadX509KeyPair(filepath.Join(c.settings.Dir, c.CertFile), filepath.Join(c.settings.Dir, c.KeyFile))
		if err == nil {
			return nil
		}
		if !logged {
			logger.InfoContext(ctx, "waiting for the serving certificate", "directory", c.settings.Dir, "reason", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Check is a readiness check: nil once the API server can trust what is served.
func (c *Certificate) Check(*http.Request) error {
	select {
	case <-c.trusted:
		return nil
	default:
		return fmt.Errorf("the certificate's CA is not in the webhook configurations %s yet", c.settings.Name)
	}
}

// Rotate adds to mgr what makes, keeps and renews the certificate: the library's rotator writes the Secret and the CA in
// the webhook configurations, every replica alike; certificateFile brings the Secret to the file.
func (c *Certificate) Rotate(mgr manager.Manager) error {
	s := c.settings
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return fmt.Errorf("--cert-dir: %w; name a directory that can be written", err)
	}
	secret := types.NamespacedName{Namespace: apis.SystemNamespace, Name: s.Secret}
	trusting := trust{name: s.Name, Client: mgr.GetClient(), live: mgr.GetAPIReader(), now: time.Now}
	file := &certificateFile{reader: mgr.GetClient(), trust: trusting, path: filepath.Join(s.Dir, c.CertFile)}
	if err := ctrl.NewControllerManagedBy(mgr).Named("certificate-file").For(&corev1.Secret{}).Complete(file); err != nil {
		return fmt.Errorf("watching Secret %s: %w", secret, err)
	}
	asked := narrow(mgr, trusting, map[string]string{
		"secrets": s.Secret, "mutatingwebhookconfigurations": s.Name, "validatingwebhookconfigurations": s.Name,
	})
	err := rotator.AddRotator(asked, &rotator.CertRotator{
		SecretKey:      secret,
		CertDir:        s.Dir,
		CAName:         s.Name + caSuffix,
		CAOrganization: "data-spacer",
		DNSName:        s.DNSNames[0],
		ExtraDNSNames:  s.DNSNames[1:],
		IsReady:        c.trusted,
		FieldOwner:     s.Name,
		Webhooks:       []rotator.WebhookInfo{{Name: s.Name, Type: rotator.Mutating}, {Name: s.Name, Type: rotator.Validating}},
	})
	if err != nil {
		return fmt.Errorf("setting up the rotation of the certificate in Secret %s: %w", secret, err)
	}
	return nil
}
