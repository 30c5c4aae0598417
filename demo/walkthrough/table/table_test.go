package table

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestColumnsAlignAndWrap(t *testing.T) {
	out := &strings.Builder{}
	require.NoError(t, Print(out, []string{"claim", "state"}, []int{10, 6}, [][]string{
		{"short", "ok"},
		{"a claim of many words", "FAILED"},
		{"aaaaaaaaaaaaa b", "ok"},
		{"", "ok"},
	}))
	require.Equal(t, `claim       state
----------  ------
short       ok
a claim of  FAILED
many words
aaaaaaaaaa  ok
aaa b
            ok
`, out.String())
}

func TestWidthZeroNeverWraps(t *testing.T) {
	require.Equal(t, []string{"many words in a line"}, wrap("many words\nin a line", 0))
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestAWriterThatFailsIsReported(t *testing.T) {
	require.ErrorContains(t, Print(broken{}, []string{"a"}, []int{3}, nil), "full")
}
