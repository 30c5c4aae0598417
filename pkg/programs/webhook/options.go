package webhook

import (
	"fmt"
	"time"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/decisions/inject"
)

// The objects of deploy/webhook.yaml that this program reads or writes.
const (
	// Name is the webhook's Service, ServiceAccount, Deployment and both of its webhook configurations.
	Name = "data-space-webhook"
	// secretName is the Secret in the system namespace that holds the certificate which the program makes for itself.
	secretName = "data-space-webhook-cert" //nolint:gosec // A name, no secret.
	// injectPath is where the API server posts pods that may still be changed.
	injectPath = "/inject-pod"
	// judgePath is where it posts what is only let in or refused.
	judgePath = "/judge"
	// spacePath is where it posts namespaces that become a guest's.
	spacePath = "/judge-namespace"
	// taintPath is where it posts what may bring a pod onto a reserved node, of all namespaces.
	taintPath = "/judge-tolerations"
	// withholdPath is where it posts statuses and Events of foreign pods, with deploy/closed-output.
	withholdPath = "/withhold"
)

// CertSource says who makes the serving certificate.
type CertSource string

const (
	// CertSelf says that this program makes and rotates it, keeps it in the Secret, and tells the API server its CA.
	CertSelf CertSource = "self"
	// CertFiles says that something else (cert-manager) puts tls.crt and tls.key into the certificate directory and tells the CA.
	CertFiles CertSource = "files"
)

// ParseCertSource accepts self and files.
func ParseCertSource(text string) (CertSource, error) {
	switch source := CertSource(text); source {
	case CertSelf, CertFiles:
		return source, nil
	}
	return "", fmt.Errorf("%q is unknown; use self, or files for a certificate from cert-manager", text)
}

// Options are the program's settings, each checked where it was read.
type Options struct {
	// Proxy is what gets injected; HTTPProxy in it is overruled by each namespace's label.
	Proxy inject.Settings
	// Grants is what the Hospital lets its guests have.
	Grants admit.Settings
	// Spaces says what guests' namespaces may be called.
	Spaces admit.SpaceNames
	// APIOutput says what of a foreign pod's output the API shows; empty means OutputAllowed.
	APIOutput APIOutput
	// TrustedControllers are the users that make pods of others' templates and bind pods to nodes; empty means TrustedControllers().
	TrustedControllers []string
	// ExemptNamespaces are the namespaces, beside kube-system and our own, in which pods may tolerate protected taints.
	ExemptNamespaces []string
	// Drain is how long the program still serves after SIGTERM.
	Drain time.Duration
	// Port is where pods are posted to, over TLS.
	Port int
	// MetricsAddress and HealthAddress are host:port; metrics are off at "0".
	MetricsAddress, HealthAddress string
	// MetricsCertDir has the certificate of the metrics (tls.crt, tls.key), followed when it changes; empty: one is made each day.
	MetricsCertDir string
	// CertDir holds tls.crt (and tls.key with CertFiles). With CertSelf the program writes it.
	CertDir    string
	CertSource CertSource
	// DNSNames is what the API server may call the webhook by; the first one is the certificate's subject.
	DNSNames []string
}
