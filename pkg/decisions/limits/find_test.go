package limits

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPartOfAnObjectIsFoundWithoutDecodingIt(t *testing.T) {
	object := []byte(`{"spec":{"a":1}, "x":[{"spec":2}], "spec" : {"Template":3,"template":{"spec": {"tolerations": [ {"key":"a"}, {} ]}}}}`)
	require.Equal(t, `[ {"key":"a"}, {} ]`, string(Find(object, "spec", "template", "spec", "tolerations"))) //nolint:testifylint // the same bytes
	require.Nil(t, Find(object, "spec", "a"), "the last one counts")
	require.Nil(t, Find(object, "x", "spec"))
	require.Nil(t, Find(nil, "spec"))
	require.Equal(t, object, Find(object))
}

func TestTheElementsOfAListAreVisitedInOrder(t *testing.T) {
	visited := func(text string, most int) (all []string, whole bool) {
		whole = Elements([]byte(text), func(index int, element []byte) bool {
			require.Len(t, all, index)
			all = append(all, string(element))
			return len(all) < most
		})
		return all, whole
	}
	all, whole := visited(` [ {"a":[1,2]} ,"]", 3,[] ] `, 9)
	require.True(t, whole)
	require.Equal(t, []string{`{"a":[1,2]}`, `"]"`, "3", "[]"}, all)
	all, whole = visited("[1,2,3]", 2)
	require.False(t, whole)
	require.Len(t, all, 2)
	for text, want := range map[string]bool{"": true, "null": true, "[]": true, "{}": false, "7": false, "[1": false, "[1,": false, `["a`: false} {
		_, whole = visited(text, 9)
		require.Equal(t, want, whole, text)
	}
}
