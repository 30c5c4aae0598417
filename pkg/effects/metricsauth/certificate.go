package metricsauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// A certificate is valid from a day before it is made, for clocks that differ, and replaced after a day.
const replacedAfter, validFor = 24 * time.Hour, 72 * time.Hour

// Certificate is what metrics are served with: tls.crt and tls.key of a directory, or a self-signed certificate. Both are followed while
// the program runs. It is safe for concurrent use.
type Certificate struct {
	dir string // empty: self-signed

	mu   sync.Mutex
	now  *tls.Certificate
	made time.Time
	read [2]os.FileInfo // the files that now was read from
}

// NewCertificate returns the certificate in a directory; without a directory a self-signed one.
func NewCertificate(dir string) *Certificate { return &Certificate{dir: dir} }

// Options set the certificate in the configuration of a listener.
func (c *Certificate) Options() []func(*tls.Config) {
	return []func(*tls.Config){func(config *tls.Config) { config.GetCertificate = c.get }}
}

func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dir != "" {
		return c.fromFiles()
	}
	if c.now != nil && time.Since(c.made).Abs() < replacedAfter {
		return c.now, nil
	}
	made, err := selfSigned(time.Now())
	if err != nil {
		return nil, fmt.Errorf("make a certificate for the metrics: %w", err)
	}
	c.now, c.made = made, time.Now()
	return made, nil
}

// fromFiles reads the files again once one of them has changed. While they hold no pair, such as between the writing of the two, the
// certificate before stays.
func (c *Certificate) fromFiles() (*tls.Certificate, error) {
	files := [2]string{filepath.Join(c.dir, corev1.TLSCertKey), filepath.Join(c.dir, corev1.TLSPrivateKeyKey)}
	var found [2]os.FileInfo
	for i, file := range files {
		found[i], _ = os.Stat(file) // loading reports the error
	}
	if c.now != nil && same(c.read[0], found[0]) && same(c.read[1], found[1]) {
		return c.now, nil
	}
	pair, err := tls.LoadX509KeyPair(files[0], files[1])
	switch {
	case err == nil:
		c.now, c.read = &pair, found
	case c.now == nil:
		return nil, fmt.Errorf("--metrics-cert-dir: %w; put a certificate and its key there", err)
	}
	return c.now, nil
}

func same(a, b os.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// selfSigned returns a certificate with a new key (ECDSA P-256) that is in memory only. It is valid from before now, so that a client whose clock
// is behind accepts it.
func selfSigned(now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "data-spacer-metrics"}, DNSNames: []string{"data-spacer-metrics"},
		NotBefore: now.Add(-replacedAfter), NotAfter: now.Add(validFor),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
