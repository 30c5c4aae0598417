package metricsauth_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/metricsauth"
)

func TestOnlyTheMachineItselfReadsWithoutAToken(t *testing.T) {
	for address, needed := range map[string]bool{
		"127.0.0.1:1": false, "[::1]:1": false, "127.9.9.9:1": false, "localhost:1": false,
		":1": true, "0.0.0.0:1": true, "[::]:1": true, "192.0.2.1:1": true, "node:1": true, "nonsense": true, "127.0.0.1.example:1": true,
	} {
		require.Equal(t, needed, metricsauth.Needed(address), address)
	}
}
