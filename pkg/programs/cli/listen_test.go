package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnAddressIsHostAndPort(t *testing.T) {
	plain, named := AddressParser(":8080", ""), AddressParser(":9443", "has no port of 1 to 65535")
	for _, text := range []string{":8080", "127.0.0.1:1", "[::1]:65535", "localhost:9443"} {
		for _, parse := range []func(string) (string, error){plain, named, OrNone(plain), OrNone(named)} {
			address, err := parse(text)
			require.NoError(t, err)
			require.Equal(t, text, address)
		}
	}
	for text, want := range map[string][2]string{
		"8080":   {`"8080" is not host:port; write for example :8080`, `"8080" is not host:port; write for example :9443`},
		"":       {`"" is not host:port; write for example :8080`, `"" is not host:port; write for example :9443`},
		":0":     {`"0" is not a port; use 1 to 65535`, `":0" has no port of 1 to 65535; write for example :9443`},
		":65536": {`"65536" is not a port; use 1 to 65535`, `":65536" has no port of 1 to 65535; write for example :9443`},
		"a:http": {`"http" is not a port; use 1 to 65535`, `"a:http" has no port of 1 to 65535; write for example :9443`},
	} {
		for _, parse := range []func(string) (string, error){plain, OrNone(plain)} {
			_, err := parse(text)
			require.EqualError(t, err, want[0])
		}
		for _, parse := range []func(string) (string, error){named, OrNone(named)} {
			_, err := parse(text)
			require.EqualError(t, err, want[1])
		}
	}
	_, err := plain("0")
	require.Error(t, err)
	none, err := OrNone(plain)("0")
	require.NoError(t, err)
	require.Equal(t, "0", none)
}

func TestADrainTimeIsBounded(t *testing.T) {
	parse := DrainParser(25*time.Second, "which a pod has by default before it is killed")
	for text, want := range map[string]time.Duration{"0s": 0, "10s": 10 * time.Second, "25s": 25 * time.Second} {
		drain, err := parse(text)
		require.NoError(t, err)
		require.Equal(t, want, drain)
	}
	for _, text := range []string{"-1s", "25001ms", "10", ""} {
		_, err := parse(text)
		require.EqualError(t, err, `"`+text+`" is not a time of 0s to 25s, which a pod has by default before it is killed; write for example 10s`)
	}
}
