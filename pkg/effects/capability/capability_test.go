package capability

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMissingCapabilitiesAreNamed(t *testing.T) {
	all, err := parse("Name:\tagent\nCapEff:\t000001ffffffffff\n")
	require.NoError(t, err)
	require.NoError(t, missing(all))

	docker, err := parse("CapEff:\t00000000a80425fb\n") // what a container has by default
	require.NoError(t, err)
	require.ErrorContains(t, missing(docker), "CAP_NET_ADMIN")
	require.ErrorContains(t, missing(docker), "CAP_SYS_ADMIN")
	require.ErrorContains(t, missing(docker), "privileged: true")

	_, err = parse("Name:\tagent\n")
	require.Error(t, err)
}
