package proxymemory_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/resource"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/pkg/decisions/inject"
	"data-space.liqo.io/pkg/decisions/proxymemory"
)

// With every limit that the webhook gives a proxy, what the sockets may hold fits below the brake beside a full heap.
func TestTheRoomFitsBesideAFullHeapWithEveryLimit(t *testing.T) {
	const beside = 26 << 20 // what test/envoy counts beside the heap: the program's own data, stacks, what the kernel keeps of its files
	smallest := resource.MustParse(inject.MinMemoryLimit)
	for limit := smallest.Value(); limit <= 8<<30; limit += 16 << 20 {
		heap, reader := envoy.Heaps(limit, true)
		full := max(envoy.Heap(limit)/100*92, heap/100*92+reader) + beside
		for _, rest := range []int64{0, 40 << 20, full / 2, full} {
			for _, sockets := range []int64{0, 1 << 20, limit / 4} {
				for _, file := range []int64{0, 64 << 20} {
					u := proxymemory.Usage{Limit: limit, Now: rest + sockets + file, File: file, Sockets: sockets}
					require.LessOrEqual(t, rest+u.Room(), proxymemory.Brake(limit), "%+v", u)
					require.Positive(t, u.Room())
					if rest+sockets > proxymemory.Brake(limit) {
						require.True(t, u.Pressed(), "%+v", u)
					}
				}
			}
		}
	}
}

func TestAProxyWithoutALimitIsNotPressed(t *testing.T) {
	require.False(t, proxymemory.Usage{Now: 1 << 40}.Pressed())
}

func TestConnectionsThatHoldMostEndAndThoseAtRestStay(t *testing.T) {
	require.Empty(t, proxymemory.Ending([]int64{40, 60}, 100))
	require.Equal(t, []int{1}, proxymemory.Ending([]int64{40, 61, 0}, 100))
	require.Equal(t, []int{3, 1}, proxymemory.Ending([]int64{10, 60, 0, 200, 40}, 100))
	require.Empty(t, proxymemory.Ending(nil, 0))

	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		held := make([]int64, random.IntN(200))
		var sum int64
		for i := range held {
			held[i] = random.Int64N(300 << 10)
			sum += held[i]
		}
		room := random.Int64N(32 << 20)
		ending := proxymemory.Ending(held, room)
		if sum <= room {
			require.Empty(t, ending)
			continue
		}
		least, most := int64(1<<62), int64(0)
		for i, n := range held {
			if slices.Contains(ending, i) {
				sum, least = sum-n, min(least, n)
			} else {
				most = max(most, n)
			}
		}
		require.LessOrEqual(t, sum, room/2)
		require.LessOrEqual(t, most, least, "what ends holds no less than what stays")
	}
}
