package metricsauth

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/util/cert"
)

func TestACertificateInFilesIsFollowed(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, text []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	config := &tls.Config{}
	for _, set := range NewCertificate(dir).Options() {
		set(config)
	}
	_, err := config.GetCertificate(nil)
	require.ErrorContains(t, err, "--metrics-cert-dir")
	shows := func(crt, key []byte, when string) {
		t.Helper()
		want, err := tls.X509KeyPair(crt, key)
		require.NoError(t, err)
		got, err := config.GetCertificate(nil)
		require.NoError(t, err)
		require.Equal(t, want.Certificate, got.Certificate, when)
	}
	pair := func(name string) (crt, key []byte) {
		crt, key, err := cert.GenerateSelfSignedCertKey(name, nil, nil)
		require.NoError(t, err)
		return crt, key
	}
	first, firstKey := pair("first.example")
	write("tls.crt", first)
	write("tls.key", firstKey)
	shows(first, firstKey, "once it is there")
	second, secondKey := pair("the-second-one.example")
	write("tls.crt", second)
	shows(first, firstKey, "between the writing of the two files")
	write("tls.key", secondKey)
	shows(second, secondKey, "once both are written")
	require.NoError(t, os.Remove(filepath.Join(dir, "tls.key")))
	shows(second, secondKey, "while a file is away")
	third, thirdKey := pair("third.example")
	for name, text := range map[string][]byte{"tls.crt": third, "tls.key": thirdKey} { // as a kubelet does: by a rename
		write(name+".new", text)
		require.NoError(t, os.Rename(filepath.Join(dir, name+".new"), filepath.Join(dir, name)))
	}
	shows(third, thirdKey, "and then another one")
}
