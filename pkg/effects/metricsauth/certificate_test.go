package metricsauth

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTheCertificateIsReplacedEachDayAndAlwaysValid runs a month by a clock of the test's own.
func TestTheCertificateIsReplacedEachDayAndAlwaysValid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCertificate("")
		shown := map[string]bool{}
		for hour := range 30 * 24 {
			now, err := c.get(&tls.ClientHelloInfo{})
			require.NoError(t, err)
			leaf, err := x509.ParseCertificate(now.Certificate[0])
			require.NoError(t, err)
			shown[leaf.SerialNumber.String()] = true
			for _, ahead := range []time.Duration{-12 * time.Hour, 0, 12 * time.Hour} { // clocks that differ
				at := time.Now().Add(ahead)
				require.True(t, at.After(leaf.NotBefore) && at.Before(leaf.NotAfter), "hour %d: %s is not between %s and %s", hour, at, leaf.NotBefore, leaf.NotAfter)
			}
			time.Sleep(time.Hour)
		}
		require.Len(t, shown, 30, "one a day")
	})
}
