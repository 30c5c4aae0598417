package envoy

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyTokensThatAreNotListedAreTakenOut(t *testing.T) {
	matcher := ignoredUpgrades()[0].GetSafeRegex().GetRegex()
	ignored := regexp.MustCompile("^" + matcher + "$") // Envoy matches the whole text
	for _, token := range upgradeTokens() {
		require.NotRegexp(t, ignored, token)
		require.NotRegexp(t, ignored, strings.ToLower(token))
		require.NotRegexp(t, ignored, strings.ToUpper(token))
		require.Regexp(t, ignored, token+"x")
		require.Regexp(t, ignored, "x"+token)
		require.Regexp(t, ignored, token[:len(token)-1])
	}
	for _, token := range []string{"", "TLS/1.2", "TLS/1.0", "h2c", "HTTP/2.0", "own", "w", "tcp6", "SPDY/3", "IRC/6.9"} {
		require.Regexp(t, ignored, token)
	}
}
