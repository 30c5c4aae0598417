package limits_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/limits"
)

// list returns count times an element.
func list(count int, element string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(element+",", count), ",") + "]"
}

func TestWhatExceedsALimitIsNamedWithTheLimitAndTheWayOut(t *testing.T) {
	keys := make([]string, 0, 257)
	for i := range 257 {
		keys = append(keys, fmt.Sprintf(`"k%d":""`, i))
	}
	for what, c := range map[string]struct{ object, field, detail string }{
		"tolerations":    {`{"spec":{"pod":{"tolerations":` + list(257, "{}") + `}}}`, "spec.pod.tolerations", "more than 256 entries; remove some"},
		"containers":     {`{"spec":{"containers":` + list(101, "{}") + `}}`, "spec.containers", "more than 100 entries"},
		"variables":      {`{"spec":{"containers":[{},{"env":` + list(1001, "{}") + `}]}}`, "spec.containers[1].env", "more than 1000 entries"},
		"annotations":    {`{"metadata":{"annotations":{` + strings.Join(keys, ",") + `}}}`, "metadata.annotations", "the map has more than 256 entries"},
		"endpoints":      {`{"endpoints":` + list(1001, "{}") + `}`, "endpoints", "more than 1000 entries"},
		"a text":         {`{"spec":{"x":"` + strings.Repeat("x", 256<<10+1) + `"}}`, "spec.x", "longer than 262144 bytes; shorten it"},
		"a key":          {`{"spec":{"` + strings.Repeat("x", 513) + `":1}}`, "spec", "a key is longer than 512 bytes"},
		"depth":          {strings.Repeat(`{"x":`, 40) + "1" + strings.Repeat("}", 40), strings.TrimSuffix(strings.Repeat("x.", 33), "."), "nested more than 32 deep"},
		"all values":     {`{"spec":{"x":` + list(200, list(200, "1")) + `}}`, "spec.x[149][47]", "more than 30000 values; split it"},
		"all bytes":      {`{"spec":{"x":` + list(200, `"`+strings.Repeat("x", 8<<10)+`"`) + `}}`, "spec.x[128]", "larger than 1048576 bytes; split it"},
		"fields' owners": {`{"metadata":{"managedFields":` + list(257, `{"fieldsV1":{}}`) + `}}`, "metadata.managedFields", "more than 256 entries"},
	} {
		require.True(t, json.Valid([]byte(c.object)), what)
		found := limits.Exceeded([]byte(c.object))
		require.NotNil(t, found, what)
		require.Equal(t, c.field, found.Field, what)
		require.Contains(t, found.Detail, c.detail, what)
	}
}

func TestWhatRealWorkloadsHaveExceedsNothing(t *testing.T) {
	container := `{"name":"a","image":"b","env":` + list(200, `{"name":"A","value":"B"}`) + `,"ports":` + list(100, `{"containerPort":1}`) + `}`
	endpoint := `{"addresses":["203.0.113.5"],"conditions":{"ready":true,"serving":true,"terminating":false},"nodeName":"n",` +
		`"targetRef":{"kind":"Pod","namespace":"n","name":"p","uid":"u"},"zone":"z"}`
	for what, object := range map[string]string{
		"nothing":          ``,
		"null":             `null`,
		"a pod":            `{"metadata":{"labels":{"a":"b"}},"spec":{"containers":` + list(20, container) + `,"tolerations":` + list(256, "{}") + `}}`,
		"a full slice":     `{"endpoints":` + list(1000, endpoint) + `}`,
		"what is not read": `{"data":{"x":"` + strings.Repeat("x", 2<<20) + `","y":` + list(100000, "{}") + `}}`,
		"fields' owners":   `{"metadata":{"managedFields":[{"fieldsV1":{"x":` + list(40000, `"\\\""`) + `}}]},"spec":{"x":1.5e3,"y":[true,false,null,[],{}]}}`,
		"no JSON":          `{"spec":[}`,
	} {
		require.Nil(t, limits.Exceeded([]byte(object)), what)
	}
}

func TestOnlyMetadataAndStatusMayDifferInWhatIsUnchanged(t *testing.T) {
	const before = `{"kind":"Pod","metadata":{"name":"a"},"spec":{"x":[1,2,{"y":"}\"]"}]},"status":{}}`
	require.True(t, limits.Unchanged([]byte(before), []byte(before)))
	require.True(t, limits.Unchanged([]byte(`{"kind":"Pod","metadata":{"labels":{}},"spec":{"x":[1,2,{"y":"}\"]"}]},"status":{"z":[1]}}`), []byte(before)))
	for _, now := range []string{
		"", "{", "[]", `{"kind":"Pod"}`, strings.Replace(before, "[1,", "[3,", 1), strings.Replace(before, `"spec"`, `"spec2"`, 1),
		strings.Replace(before, `"spec"`, `"data":{},"spec"`, 1),
	} {
		require.False(t, limits.Unchanged([]byte(now), []byte(before)), now)
		require.False(t, limits.Unchanged([]byte(before), []byte(now)), now)
	}
}

// FuzzExceeded compares the scanner with a count of the decoded object: what has a list that is too long is found, and the
// scanner ends on every text.
func FuzzExceeded(f *testing.F) {
	for _, seed := range []string{
		`{"spec":{"tolerations":[{},{}]}}`, `{"a":"\"\\","b":[1,2,[3]],"c":null}`, `{"data":{"x":[[[[]]]]},"metadata":{"managedFields":[{"fieldsV1":{"a":{}}}]}}`,
		`[[`, `{"a`, `"\`, `{"a":}`, `{"":{"":[]}}`, ` { "a" : [ 1 , 2 ] } `, "[" + strings.Repeat("[],", 256) + "[]]", strings.Repeat("[", 33) + strings.Repeat("]", 33),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		found := limits.Exceeded(raw)
		_ = limits.Unchanged(raw, raw)
		var value any
		if len(raw) > 1<<16 || bytes.Contains(raw, []byte("fieldsV1")) || json.Unmarshal(raw, &value) != nil {
			return
		}
		require.Equal(t, tooLarge(value, "", 0), found != nil, "%v", found)
	})
}

// tooLarge tells of a small text's value whether one of its lists or maps is too long or too deep. It leaves out what is opaque.
func tooLarge(value any, name string, depth int) bool {
	if depth > limits.MaxDepth {
		return true
	}
	most := map[string]int{"containers": 100, "initContainers": 100, "ephemeralContainers": 100, "env": 1000, "args": 1000, "command": 1000, "values": 1000,
		"items": 1000, "endpoints": 1000, "addresses": 1000, "notReadyAddresses": 1000}[name]
	if most == 0 {
		most = 256
	}
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			if len(v) > most || tooLarge(element, "", depth+1) {
				return true
			}
		}
	case map[string]any:
		for key, element := range v {
			if depth == 0 && (key == "data" || key == "binaryData" || key == "stringData") {
				continue
			}
			if len(v) > most || len(key) > limits.MaxKey || tooLarge(element, key, depth+1) {
				return true
			}
		}
	}
	return false
}

func TestAnObjectIsNamed(t *testing.T) {
	for object, want := range map[string][2]string{
		`{"kind":"Pod","metadata":{"generateName":"b-","name":"a\u0062","labels":{"name":"x"}},"spec":{"name":"y"}}`: {"ab", "b-"},
		`{"metadata":{"generateName":"b-","labels":{"name":"x"}}}`:                                                   {"", "b-"},
		`{"metadata":{"name":7}}`: {"", ""}, `{"spec":{"name":"x"}}`: {"", ""}, `{`: {"", ""}, ``: {"", ""}, `[]`: {"", ""},
		`{"metadata":{"name":"` + strings.Repeat("x", 1<<20) + `"}}`: {"", ""},
	} {
		name, generateName := limits.Names([]byte(object))
		require.Equal(t, want, [2]string{name, generateName}, "%.60s", object)
	}
}
