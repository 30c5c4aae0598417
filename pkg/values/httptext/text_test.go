package httptext_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/httptext"
)

func TestSizesOfChunks(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "5": 5, "aF": 0xaf, "000000000000005": 5, "5 ;a=b": 5, "5\t": 5, "7fffffff": 1<<31 - 1} {
		size, ok := httptext.ChunkSize([]byte(text))
		require.True(t, ok, text)
		require.Equal(t, want, size, text)
	}
	for _, text := range []string{"", ";", "x", "0x5", "5 a", "-1", "80000000", "100000005", "0000000000000005"} {
		_, ok := httptext.ChunkSize([]byte(text))
		require.False(t, ok, text)
	}
}

func TestABodysFirstLine(t *testing.T) {
	var body httptext.Body
	require.False(t, body.Read([]byte("GET /x HT")))
	require.True(t, body.Read([]byte("TP/1.1\r\nrest")))
	require.False(t, body.Read([]byte("GET /x HTTP/1.1\r\n")), "only the first line")
	require.False(t, body.End())
}

// A client sends a first line that never ends, in chunks of a byte: each costs the same, and nothing is kept.
func TestAFirstLineInPiecesOfAByteTakesNoMemory(t *testing.T) {
	pieces := [][]byte{[]byte("A"), []byte(" ")}
	asked := false
	require.Zero(t, testing.AllocsPerRun(10, func() {
		var body httptext.Body
		for n := range 100_000 {
			asked = body.Read(pieces[n%2]) || asked
		}
	}))
	require.False(t, asked)
}
