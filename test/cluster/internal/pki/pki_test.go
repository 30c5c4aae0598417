package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func issue(t *testing.T, s Subject) (*x509.Certificate, *x509.CertPool) {
	t.Helper()
	authority, err := NewAuthority("test", time.Now())
	require.NoError(t, err)
	pair, err := authority.Issue(s)
	require.NoError(t, err)
	loaded, err := tls.X509KeyPair(pair.Cert, pair.Key)
	require.NoError(t, err, "certificate and key belong together")
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(authority.Cert))
	return loaded.Leaf, roots
}

func TestAServerIsTrustedByItsNamesAndAddresses(t *testing.T) {
	cert, roots := issue(t, Subject{CommonName: "server", Names: []string{"kubernetes"}, Addrs: []netip.Addr{netip.MustParseAddr("2001:db8::1")}})
	for _, name := range []string{"kubernetes", "2001:db8::1"} {
		_, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: name})
		require.NoError(t, err, name)
	}
	_, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: "other"})
	require.Error(t, err)
}

func TestAClientIsNoServer(t *testing.T) {
	cert, roots := issue(t, Subject{CommonName: "admin", Organization: "system:masters"})
	require.Equal(t, []string{"system:masters"}, cert.Subject.Organization)
	_, err := cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	require.NoError(t, err)
	_, err = cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	require.Error(t, err)
}

func TestAnotherAuthorityDoesNotVouch(t *testing.T) {
	cert, _ := issue(t, Subject{CommonName: "admin"})
	_, roots := issue(t, Subject{CommonName: "admin"})
	_, err := cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	require.Error(t, err)
}

func TestAKeyPairIsAPublicAndAPrivateKey(t *testing.T) {
	pair, err := NewKeyPair()
	require.NoError(t, err)
	require.Contains(t, string(pair.Cert), "PUBLIC KEY")
	require.Contains(t, string(pair.Key), "EC PRIVATE KEY")
}
