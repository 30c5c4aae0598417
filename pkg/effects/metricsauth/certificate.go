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
	"sync"
	"time"
)

// A certificate is valid from a day before it is made, for clocks that differ, and replaced after a day.
const replacedAfter, validFor = 24 * time.Hour, 72 * time.Hour

// certificate is a self-signed certificate that follows the time.
type certificate struct {
	mu   sync.Mutex
	now  *tls.Certificate
	made time.Time
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
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
