package kit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheEndOfAnOutputIsShort(t *testing.T) {
	var o Output
	require.Empty(t, o.End())
	fmt.Fprint(&o, "first\nsecond\n")
	require.Equal(t, "first\nsecond", o.End())
	for i := range 100 {
		fmt.Fprintf(&o, "%d\n", i)
	}
	lines := strings.Split(o.End(), "\n")
	require.Len(t, lines, 41)
	require.Equal(t, []string{"… after 62 lines", "60", "99"}, []string{lines[0], lines[1], lines[40]})
	for range 40 {
		fmt.Fprintln(&o, strings.Repeat("x", 10000))
	}
	require.Less(t, len(o.End()), 7<<10)
	require.Contains(t, o.End(), "x\nx")
}
