//go:build kernel

package envoy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/resource"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/pkg/decisions/inject"
)

// With the smallest memory limit that the webhook gives a proxy, the proxy survives the attempt that takes the most memory beside its heap: the
// kernel's, for sockets whose clients do not read. The default limit may be larger. On cgroup v1 the data in their buffers does not count; what it comes to is in docs/threat-model.md.
func TestTheSmallestProxyIsBounded(t *testing.T) {
	smallest := resource.MustParse(inject.MinMemoryLimit)
	for reader, s := range map[string]envoy.Settings{"codec": settings(), "module": following(t)} {
		t.Run(reader, func(t *testing.T) {
			w := &world{cage: newCage(t), most: smallest.Value()}
			w.cage.atMost(t, smallest.Value())
			w.fillable(t, s)
			fillings()["HTTP/1 that the client does not read"].run(t, w, 3*time.Second)
			require.Zero(t, w.cage.kills(t), "the proxy was killed")
			t.Log("peak", w.cage.read(t, w.cage.peak))
			require.Eventually(t, func() bool { return w.answers() }, 3*waitLong, 10*waitStep, "it serves again")
		})
	}
}
