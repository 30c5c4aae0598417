package tolerations

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/validation"
)

func TestTheSettingsOfTheOriginalAreRead(t *testing.T) {
	want := Taint{Key: "dedicated", Value: "tenantA", Users: []string{"alice", "system:serviceaccount:a:b"}, Groups: []string{"team"}}
	for _, document := range []string{
		"taint:\n  key: dedicated\n  value: tenantA\nallowed_users: [alice, 'system:serviceaccount:a:b']\nallowed_groups:\n- team\n",
		`{"allowed_groups":["team"],"allowed_users":["alice","system:serviceaccount:a:b"],"taint":{"value":"tenantA","key":"dedicated"}}`,
	} {
		got, err := parseSettings([]byte(document))
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, "dedicated-tenanta", got.ObjectName())
	}
	got, err := parseSettings([]byte("taint: {key: example.com/gpu}\nallowed_users: null\n"))
	require.NoError(t, err)
	require.Equal(t, Taint{Key: "example.com/gpu"}, got)
	require.Equal(t, "example.com-gpu", got.ObjectName())
}

func TestASettingThatIsWrongIsNamed(t *testing.T) {
	for document, message := range map[string]string{
		"":                                           "the document: not a map; write the fields taint, allowed_users, allowed_groups",
		"- a":                                        "the document: not a map",
		"{":                                          "not a document of YAML or JSON",
		"allowed_users: [a]":                         "taint: missing; name the taint's key and value",
		"taint: gpu":                                 "taint: not a map; write the fields key, value",
		"taint: null":                                "taint: not a map",
		"taint: {value: a}":                          "taint.key: missing; name the taint's key",
		"taint: {key: a b}":                          `taint.key: "a b" is not the key of a taint`,
		"taint: {key: a, value: a/b}":                `taint.value: "a/b" is not the value of a taint`,
		"taint: {key: a, value: 1}":                  "taint.value: not a text; put it in quotes",
		"taint: {key: a, value: true}":               "taint.value: not a text",
		"taint: {key: a, value: null}":               "taint.value: not a text",
		"taint: {key: a, effect: NoSchedule}":        `taint: unknown field "effect"; the fields are key, value`,
		"taint: {key: a, Key: b}":                    `taint: unknown field "Key"`,
		"taint: {key: a, key: b}":                    `"key" already`,
		"taint: {key: a}\nallowed_user: [a]":         `the document: unknown field "allowed_user"; the fields are taint, allowed_users, allowed_groups`,
		"taint: {key: a}\nallowed_users: a":          "allowed_users: not a list; write a list of names",
		"taint: {key: a}\nallowed_users: [1]":        "allowed_users[0]: not a text; put it in quotes",
		"taint: {key: a}\nallowed_groups: [a, '']":   "allowed_groups[1]: an empty name; remove it",
		"taint: {key: a}\nallowed_groups: [a, b, a]": `allowed_groups[2]: "a" is there twice`,
		strings.Repeat("#", MaxSettings+1):           "the limit is 1048576",
	} {
		_, err := parseSettings([]byte(document))
		require.ErrorContains(t, err, message, "%.100s", document)
	}
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte("taint: {key: dedicated, value: tenantA}\nallowed_users: [alice]\nallowed_groups: []\n"))
	f.Add([]byte(`{"taint":{"key":"a.-.b/C_","value":"x"}}`))
	f.Add([]byte("taint: &a {key: *a}"))
	f.Fuzz(func(t *testing.T, document []byte) {
		taint, err := parseSettings(document)
		if err != nil {
			return
		}
		require.Empty(t, validation.IsQualifiedName(taint.Key))
		require.Empty(t, validation.IsDNS1123Subdomain(taint.ObjectName()), "%q", taint.Key)
	})
}
