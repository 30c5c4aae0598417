package hookcert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"data-space.liqo.io/pkg/effects/atomicfile"
)

const (
	caKey = "ca.crt" // of the Secret
	// settling is how long after a CA stands in the configurations every API server is taken to trust it; askAgain is the time between two looks.
	settling, askAgain = 5 * time.Second, 500 * time.Millisecond
)

// certificateFile writes what is in a Secret to a file. A mounted Secret would follow a minute later, and only in a cluster.
//
// A certificate of another CA than the one that is served takes its place once the API server trusts that CA; meanwhile it trusts both (trust).
type certificateFile struct {
	reader client.Reader
	trust  trust
	path   string

	ca    string // what the API server trusts since
	since time.Time
}

// Reconcile implements reconcile.Reconciler. Requests come one after the other.
func (f *certificateFile) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	secret := &corev1.Secret{}
	if err := f.reader.Get(ctx, req.NamespacedName, secret); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	cert, key := secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey]
	made := authorities(secret.Data[caKey], f.trust.name)
	if _, err := tls.X509KeyPair(cert, key); err != nil || len(made) == 0 {
		// The rotator has not filled the Secret yet, or is about to replace what someone else wrote there.
		return reconcile.Result{}, nil //nolint:nilerr // Not an error: another event follows.
	}
	ca := encoded(made[0])
	all, alone, err := f.trust.trusted(ctx, ca)
	now := f.trust.now()
	left := overlapEnds(made[0]).Sub(now)
	if left > 0 && f.servesOther(made[0], now) {
		if err != nil {
			return reconcile.Result{}, err
		}
		if wait := f.settles(string(ca), all, now); wait > 0 {
			return reconcile.Result{RequeueAfter: wait}, nil
		}
	}
	if err := atomicfile.Write(f.path, slices.Concat(key, cert), 0o600); err != nil {
		return reconcile.Result{}, fmt.Errorf("writing the certificate: %w", err)
	}
	switch {
	case err != nil || alone:
		return reconcile.Result{}, err
	case left > 0:
		return reconcile.Result{RequeueAfter: left}, nil
	}
	return reconcile.Result{}, f.trust.alone(ctx, ca)
}

// servesOther reports whether the file has a valid certificate of another CA.
func (f *certificateFile) servesOther(ca *x509.Certificate, now time.Time) bool {
	pair, err := tls.LoadX509KeyPair(f.path, f.path)
	return err == nil && now.Before(pair.Leaf.NotAfter) && pair.Leaf.CheckSignatureFrom(ca) != nil
}

// settles returns how long it takes until every API server trusts a CA; 0: they do.
func (f *certificateFile) settles(ca string, trusted bool, now time.Time) time.Duration {
	if !trusted {
		f.ca = ""
		return askAgain
	}
	if f.ca != ca {
		f.ca, f.since = ca, now
	}
	return f.since.Add(settling).Sub(now)
}
