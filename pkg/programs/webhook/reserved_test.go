package webhook

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// identity is a user of Kubernetes' own in a manifest.
var identity = regexp.MustCompile(`'(system:[a-z:-]+)'`)

// The conditions in the manifests leave out whom the program trusts.
func TestTheManifestsTrustTheSameControllers(t *testing.T) {
	for _, file := range []string{"webhook.yaml", "tolerations-policy.yaml"} {
		text, err := os.ReadFile("../../../deploy/" + file)
		require.NoError(t, err)
		_, rest, found := strings.Cut(string(text), "  - name: author\n")
		require.True(t, found, file)
		condition, _, found := strings.Cut(rest, "  - name: ")
		if !found {
			condition, _, _ = strings.Cut(rest, "  variables:")
		}
		var names []string
		for _, match := range identity.FindAllStringSubmatch(condition, -1) {
			names = append(names, match[1])
		}
		require.ElementsMatch(t, TrustedControllers(), names, file)
		require.True(t, slices.IsSorted(names), file)
	}
}
