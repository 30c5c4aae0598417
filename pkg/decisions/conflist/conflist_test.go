package conflist_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/conflist"
)

const (
	kind  = "ours"
	entry = `{"type":"ours","capabilities":{"a":true},"exempt":["kube-system"]}`
)

// calico is set as its installer sets it, with a key order that no program would choose.
const calico = `{
  "name": "k8s-pod-network",
  "cniVersion": "0.3.1",
  "plugins": [
    {
      "type": "calico",
      "log_level": "info",
      "mtu": 0,
      "ipam": {
          "type": "calico-ipam"
      },
      "a/b": "\u003c"
    },
    {
      "type": "portmap",
      "snat": true,
      "capabilities": {"portMappings": true}
    }
  ]
}
`

func TestPut(t *testing.T) {
	for _, c := range []struct{ when, text, want string }{
		{"indented as its neighbours", calico, strings.Replace(calico, "true}\n    }\n", `true}
    },
    {
      "type": "ours",
      "capabilities": {
        "a": true
      },
      "exempt": [
        "kube-system"
      ]
    }
`, 1)},
		{"on one line where all is on one line", `{"plugins":[{"type":"a"}],"name":"n"}`, `{"plugins":[{"type":"a"},` + entry + `],"name":"n"}`},
		{"separated as the others are", `{"plugins": [ {"type":"a"}, {"type":"b"} ]}`, `{"plugins": [ {"type":"a"}, {"type":"b"}, ` + entry + ` ]}`},
		{"a line each where the others have a line each", "{\"plugins\": [\n\t{\"type\":\"a\"}\n]}", "{\"plugins\": [\n\t{\"type\":\"a\"},\n\t" + entry + "\n]}"},
		{"tabs", "{\n\t\"plugins\": [\n\t\t{\n\t\t\t\"type\": \"a\"\n\t\t}\n\t]\n}",
			"{\n\t\"plugins\": [\n\t\t{\n\t\t\t\"type\": \"a\"\n\t\t},\n\t\t{\n\t\t\t\"type\": \"ours\",\n\t\t\t\"capabilities\": {\n\t\t\t\t\"a\": true\n\t\t\t},\n\t\t\t\"exempt\": [\n\t\t\t\t\"kube-system\"\n\t\t\t]\n\t\t}\n\t]\n}"},
		{"no margin at all", "{\"plugins\": [\n{\n\"type\": \"a\"\n}\n]}", "{\"plugins\": [\n{\n\"type\": \"a\"\n},\n{\n  \"type\": \"ours\",\n  \"capabilities\": {\n    \"a\": true\n  },\n  \"exempt\": [\n    \"kube-system\"\n  ]\n}\n]}"},
		{"an older one of ours is replaced", `{"plugins":[{"type":"a"},{"type":"ours","old":1}]}`, `{"plugins":[{"type":"a"},` + entry + `]}`},
		{"one that no longer stands last moves", `{"plugins":[` + entry + `,{"type":"a"}]}`, `{"plugins":[{"type":"a"},` + entry + `]}`},
		{"of two one remains", `{"plugins":[{"type":"a"},` + entry + `,` + entry + `]}`, `{"plugins":[{"type":"a"},` + entry + `]}`},
		{"plugins deeper down are not ours to read", `{"x":{"plugins":[{"type":"ours"}]},"plugins":[{"type":"a","plugins":[{"type":"ours"}]}]}`,
			`{"x":{"plugins":[{"type":"ours"}]},"plugins":[{"type":"a","plugins":[{"type":"ours"}]},` + entry + `]}`},
	} {
		t.Run(c.when, func(t *testing.T) {
			got, err := conflist.Put([]byte(c.text), kind, []byte(entry))
			require.NoError(t, err)
			require.Equal(t, c.want, string(got))
			require.True(t, json.Valid(got))
			require.True(t, conflist.Has(got, kind))
			again, err := conflist.Put(got, kind, []byte(entry))
			require.NoError(t, err)
			require.Equal(t, string(got), string(again), "a second time changes nothing")
		})
	}
}

func TestPutRefusesWhatNoRuntimeCouldUse(t *testing.T) {
	for when, text := range map[string]string{
		"not valid JSON":        `{"plugins":[{"type":"a"}`,
		"not an object":         `[]`,
		"no list of plugins":    `{"name":"n"}`,
		"is no list":            `{"plugins":{}}`,
		"plugins is empty":      `{"plugins":[]}`,
		"plugin 1 is no object": `{"plugins":[7]}`,
		"no plugin besides":     `{"plugins":[{"type":"ours"}]}`,
		"two lists":             `{"plugins":[{"type":"a"}],"plugins":[]}`,
	} {
		_, err := conflist.Put([]byte(text), kind, []byte(entry))
		require.ErrorIs(t, err, conflist.ErrInvalid, text)
		require.ErrorContains(t, err, when, text)
		require.False(t, conflist.Has(nil, kind))
	}
	_, err := conflist.Put([]byte(`{"plugins":[{"type":"a"}]}`), kind, []byte(`{`))
	require.ErrorContains(t, err, "the entry")
	_, err = conflist.Put([]byte("{\"plugins\":[\n {\n}]}"), kind, []byte(`{`))
	require.ErrorContains(t, err, "the entry")
}

func TestTake(t *testing.T) {
	for text, want := range map[string]string{
		`{"plugins":[{"type":"a"}]}`:                                          `{"plugins":[{"type":"a"}]}`,
		`{"plugins":[ {"type":"ours"} ]}`:                                     `{"plugins":[  ]}`,
		`{"plugins":[{"type":"ours"}, {"type":"a"}]}`:                         `{"plugins":[{"type":"a"}]}`,
		`{"plugins":[{"type":"a"}, {"type":"ours"}, {"type":"b"}]}`:           `{"plugins":[{"type":"a"}, {"type":"b"}]}`,
		`{"plugins":[{"type":"ours"}, {"type":"a"}, {"type":"ours", "x":1}]}`: `{"plugins":[{"type":"a"}]}`,
	} {
		got, err := conflist.Take([]byte(text), kind)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	_, err := conflist.Take([]byte(`{`), kind)
	require.ErrorIs(t, err, conflist.ErrInvalid)
}

func TestTheConfigurationOfOnePluginBecomesAList(t *testing.T) {
	got, err := conflist.FromConf([]byte("\n{\"name\":\"n\\\"\",\"cniVersion\":\"0.4.0\",\"type\":\"bridge\",\"x\":[1]}\n"))
	require.NoError(t, err)
	//nolint:testifylint // to the byte
	require.Equal(t, `{
  "cniVersion": "0.4.0",
  "name": "n\"",
  "plugins": [
{"name":"n\"","cniVersion":"0.4.0","type":"bridge","x":[1]}
  ]
}
`, string(got))
	got, err = conflist.FromConf([]byte(`{"name":"n","type":"bridge"}`))
	require.NoError(t, err)
	require.NotContains(t, string(got), "cniVersion")
	for _, text := range []string{`{`, `{"name":"n"}`, `{"type":"a"}`, `{"name":"n","type":"a","plugins":[]}`} {
		_, err := conflist.FromConf([]byte(text))
		require.ErrorIs(t, err, conflist.ErrInvalid, text)
	}
}

func TestTheFirstNameIsTheActiveOne(t *testing.T) {
	require.Empty(t, conflist.Active([]string{"README", ".10-a.conflist.tmp", "10-a.conf.data-spacer"}))
	require.Equal(t, "05-z.json", conflist.Active([]string{"10-a.conf", "10-a.conflist", "05-z.json"}))
	single := "10-a.conf"
	require.Equal(t, single, conflist.Active([]string{conflist.Made(single), single, "10-a.conflist"}))
	require.Equal(t, conflist.Made(single), conflist.Active([]string{conflist.Made(single), conflist.Aside(single), "10-a.conflist"}),
		"what was made of it takes its place at once")
	back, ok := conflist.Original(conflist.Aside(single))
	require.True(t, ok)
	require.Equal(t, single, back)
	_, ok = conflist.Original("10-a.conflist.data-spacer")
	require.False(t, ok)
	require.True(t, conflist.List(conflist.Made(single)))
}

// What Put does, Take undoes to the byte, and both leave JSON behind.
func FuzzPutTake(f *testing.F) {
	for _, text := range []string{calico, `{"plugins":[{"type":"a"}],"name":"n"}`, "{\"plugins\": [\n\t{\"type\":\"a\"}, {}\n]}", `{"plugins":[{"type":"b"}, {"Type":"a"}]}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if conflist.Has(text, kind) {
			return
		}
		put, err := conflist.Put(text, kind, []byte(entry))
		if err != nil {
			return
		}
		require.True(t, json.Valid(put))
		require.True(t, conflist.Has(put, kind))
		again, err := conflist.Put(put, kind, []byte(entry))
		require.NoError(t, err)
		require.Equal(t, string(put), string(again))
		back, err := conflist.Take(put, kind)
		require.NoError(t, err)
		require.Equal(t, string(text), string(back))
	})
}
