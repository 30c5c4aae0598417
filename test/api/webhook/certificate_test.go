//go:build api

package webhook

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/kit"
)

// served returns the certificate that the webhook answers with.
func (w *world) served(t *testing.T) *x509.Certificate {
	t.Helper()
	certificate, err := servedAt(w.port)
	require.NoError(t, err)
	return certificate
}

func servedAt(port int) (*x509.Certificate, error) {
	connection, err := tls.Dial("tcp", fmt.Sprintf("localhost:%d", port), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	return connection.ConnectionState().PeerCertificates[0], nil
}

// issue returns a certificate for the webhook, from the CA in its Secret, and its key.
func issue(t *testing.T, secret *corev1.Secret, validity time.Duration) (cert, key []byte) {
	t.Helper()
	pair, err := tls.X509KeyPair(secret.Data["ca.crt"], secret.Data["ca.key"])
	require.NoError(t, err)
	authority, err := x509.ParseCertificate(pair.Certificate[0])
	require.NoError(t, err)
	maker := &rotator.CertRotator{DNSName: "localhost", ExtKeyUsages: &[]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	now := time.Now()
	cert, key, err = maker.CreateCertPEM(&rotator.KeyPairArtifacts{Cert: authority, Key: pair.PrivateKey.(*rsa.PrivateKey)},
		now.Add(-time.Hour), now.Add(validity))
	require.NoError(t, err)
	return cert, key
}

// replace puts another CA into a Secret of the webhook's, with a certificate. The overlap with the CA before ends after a time.
func replace(t *testing.T, secret *corev1.Secret, overlap time.Duration) {
	t.Helper()
	const madeBefore, overlaps = time.Hour, 5 * time.Minute
	maker := &rotator.CertRotator{CAName: name + "-ca", CAOrganization: "data-spacer"}
	begin := time.Now().Add(overlap - madeBefore - overlaps)
	ca, err := maker.CreateCACert(begin, begin.AddDate(10, 0, 0))
	require.NoError(t, err)
	secret.Data["ca.crt"], secret.Data["ca.key"] = ca.CertPEM, ca.KeyPEM
	secret.Data["tls.crt"], secret.Data["tls.key"] = issue(t, secret, 365*24*time.Hour)
}

func rotation(t *testing.T, w *world) {
	t.Helper()
	namespace, running := w.foreign(t), w.process
	require.True(t, w.injects(t.Context(), namespace))
	first, authority := w.served(t), w.configuration(t).Webhooks[0].ClientConfig.CABundle

	// A certificate that ends soon is renewed under the same CA.
	secret := w.secret(t)
	secret.Data["tls.crt"], secret.Data["tls.key"] = issue(t, secret, time.Hour)
	require.NoError(t, w.client.Update(t.Context(), secret))
	require.Eventually(t, func() bool {
		now := w.served(t)
		return !now.Equal(first) && time.Until(now.NotAfter) > 300*24*time.Hour
	}, waitLong, waitStep, "the certificate is renewed:\n%s", running)
	require.True(t, w.injects(t.Context(), namespace))
	require.Equal(t, authority, w.configuration(t).Webhooks[0].ClientConfig.CABundle)

	// A Secret that was deleted and applied again is filled again, with a new CA.
	renewed := w.served(t)
	stream, replaced := w.stream(t, "no other image"), make(chan struct{})
	stream.atLeast(t, 10)
	stream.group.Go(func() { w.alwaysTrusted(t, replaced) })
	require.NoError(t, w.client.Delete(t.Context(), w.secret(t)))
	require.True(t, w.injects(t.Context(), namespace), "what is served stays while the Secret is away")
	missing, err := w.command("--health-bind-address=" + kit.FreeAddress(t).String()).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(missing), "apply deploy/webhook.yaml, or use --cert-source=files")
	w.create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: apis.SystemNamespace, Name: secretName}})
	require.Eventually(t, func() bool { return !w.served(t).Equal(renewed) }, waitLong, waitStep, "a certificate of the new CA is served:\n%s", running)
	stream.atLeast(t, 20)
	close(replaced)
	close(stream.stop)
	stream.group.Wait()
	require.Empty(t, stream.refused, "of %d creations while the CA was replaced", stream.created.Load())
	bundle := w.configuration(t).Webhooks[0].ClientConfig.CABundle
	require.NotEqual(t, authority, bundle)
	require.Contains(t, string(bundle), string(authority), "the CA before is trusted for a while")

	// A CA that someone takes out of the configuration is put back.
	configuration := w.configuration(t)
	configuration.Webhooks[0].ClientConfig.CABundle = authority
	require.NoError(t, w.client.Update(t.Context(), configuration))
	require.Eventually(t, func() bool { return w.injects(t.Context(), namespace) }, waitLong, waitStep)

	// The overlap ends: of a CA that was made nearly five minutes ago, the one before it is trusted for seconds only.
	secret = w.secret(t)
	replace(t, secret, 12*time.Second)
	require.NoError(t, w.client.Update(t.Context(), secret))
	require.Eventually(t, func() bool {
		return bytes.Equal(bytes.TrimSpace(w.configuration(t).Webhooks[0].ClientConfig.CABundle), bytes.TrimSpace(secret.Data["ca.crt"]))
	}, waitLong, waitStep, "the CA before is not trusted any more:\n%s", running)
	require.Eventually(t, func() bool { return w.injects(t.Context(), namespace) }, waitLong, waitStep)

	select {
	case <-running.ended:
		t.Fatalf("the webhook ended:\n%s", running)
	default:
	}
}

// alwaysTrusted asserts, until the channel is closed, that the API server can trust each certificate that is served.
func (w *world) alwaysTrusted(t *testing.T, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-time.After(waitStep):
		}
		served, err := servedAt(w.port)
		if err != nil { // a slow machine
			continue
		}
		trusted, configuration := x509.NewCertPool(), &admissionregistrationv1.MutatingWebhookConfiguration{}
		if w.client.Get(t.Context(), client.ObjectKey{Name: name}, configuration) != nil {
			continue
		}
		trusted.AppendCertsFromPEM(configuration.Webhooks[0].ClientConfig.CABundle)
		if _, err := served.Verify(x509.VerifyOptions{Roots: trusted, DNSName: "localhost"}); err != nil {
			t.Errorf("the API server does not trust what is served: %v", err)
			return
		}
	}
}

// twoReplicas starts two at once without a certificate: they race for making it, and must end up with the same CA.
func twoReplicas(t *testing.T, w *world) {
	t.Helper()
	w.process.stop()
	secret := w.secret(t)
	secret.Data = nil
	require.NoError(t, w.client.Update(t.Context(), secret))
	other := *w
	other.port, other.certDir, other.health = int(kit.FreeAddress(t).Port()), t.TempDir(), kit.FreeAddress(t).String()
	other.process = launch(t, other.command())
	defer other.process.stop()
	w.start(t)
	require.Eventually(t, func() bool { return other.ready() == http.StatusOK }, waitLong, waitStep, "%s", other.process)

	require.True(t, w.injects(t.Context(), w.foreign(t)))
	authorities := x509.NewCertPool()
	require.True(t, authorities.AppendCertsFromPEM(w.configuration(t).Webhooks[0].ClientConfig.CABundle))
	for _, replica := range []*world{w, &other} {
		_, err := replica.served(t).Verify(x509.VerifyOptions{Roots: authorities, DNSName: "localhost"})
		require.NoError(t, err)
	}
}

func certificateFiles(t *testing.T, w *world) {
	t.Helper()
	namespace, secret, directory := w.foreign(t), w.secret(t), t.TempDir()
	w.process.stop()
	metrics := int(kit.FreeAddress(t).Port())
	w.process = launch(t, w.command("--cert-source=files", "--cert-dir="+directory, fmt.Sprintf("--metrics-bind-address=:%d", metrics), "--metrics-cert-dir="+directory))
	require.Eventually(t, func() bool { return w.ready() == http.StatusInternalServerError }, waitLong, waitStep, "not ready without a certificate")

	write := func(cert, key []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(directory, "tls.key"), key, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(directory, "tls.crt"), cert, 0o600))
	}
	write(secret.Data["tls.crt"], secret.Data["tls.key"])
	require.Eventually(t, func() bool { return w.ready() == http.StatusOK }, waitLong, waitStep, "ready with one")
	require.True(t, w.injects(t.Context(), namespace))

	first := w.served(t)
	metricsHave := func(want *x509.Certificate) bool {
		certificate, err := servedAt(metrics)
		return err == nil && certificate.Equal(want)
	}
	require.Eventually(t, func() bool { return metricsHave(first) }, waitLong, waitStep, "the metrics are served with the certificate of --metrics-cert-dir")
	write(issue(t, secret, time.Hour))
	require.Eventually(t, func() bool { return !w.served(t).Equal(first) }, waitLong, waitStep, "the files are followed")
	require.Eventually(t, func() bool { return metricsHave(w.served(t)) }, waitLong, waitStep, "for the metrics as well")
	require.True(t, w.injects(t.Context(), namespace))
	require.Equal(t, secret.Data, w.secret(t).Data, "the Secret is not this process's to write")
}
