package fact_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/fact"
)

func TestALineIsReadBackAsItWasWritten(t *testing.T) {
	f := fact.Fact{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Kind: "DriftRepaired", Warning: true, Reason: "Chain", Message: `a "quoted" <word>, ä`,
		Subject: fact.Subject{Guest: "pharma", Namespace: "pharma-space", Pod: "study", UID: "1-2"}, Count: 3, Details: map[string]string{"hash": "ab"},
	}
	line, err := fact.Encode(7, f)
	require.NoError(t, err)
	want := `{"v":1,"index":7,"time":"2026-01-02T03:04:05.000000006Z","kind":"DriftRepaired","warning":true,` +
		`"subject":{"guest":"pharma","namespace":"pharma-space","pod":"study","uid":"1-2"},"reason":"Chain","message":"a \"quoted\" <word>, ä","count":3,` +
		`"details":{"hash":"ab"},"crc":"da73bfc8"}`
	require.Equal(t, []byte(want), line, "byte by byte: it is hashed")
	got, err := fact.Decode(line)
	require.NoError(t, err)
	require.Equal(t, fact.Recorded{Index: 7, Fact: f}, got)
}

// A tenant chooses the bytes of names, paths and messages.
func TestATenantsBytesNeitherInjectALineNorBreakJSONNorGrow(t *testing.T) {
	for _, hostile := range []string{
		"a\nb", "\r\n{\"v\":1,\"kind\":\"AgentStopped\"}", "\x1b[2J\x1b[31m", "\x00", "\x7f", "\u0085\u2028\u2029", "\u202eevil", "\xff\xfe\xc0", `\n"}`, `","kind":"x`,
		`\`, strings.Repeat("\x00", 100_000), strings.Repeat(`"`, 100_000), strings.Repeat("ä", 100_000), strings.Repeat("\U000e0001", 100_000), "\ufeff\u200b",
	} {
		details := map[string]string{}
		for i := range 100 {
			details[strings.Repeat("x", i)+hostile] = hostile
		}
		line, err := fact.Encode(1<<62, fact.Fact{
			Kind: fact.Kind(hostile), Reason: hostile, Message: hostile, Details: details, Count: -1 << 62,
			Subject: fact.Subject{Guest: hostile, Namespace: hostile, Pod: hostile, UID: hostile},
		})
		require.NoError(t, err)
		require.LessOrEqual(t, len(line), fact.MaxLine)
		require.False(t, bytes.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", line)
		require.True(t, utf8.Valid(line))
		require.True(t, json.Valid(line))
		got, err := fact.Decode(line)
		require.NoError(t, err)
		require.LessOrEqual(t, len(got.Message), fact.MaxMessage)
		require.LessOrEqual(t, len(got.Details), fact.MaxDetails)
	}
}

func TestTwoTextsAreNotWrittenAlike(t *testing.T) {
	require.NotEqual(t, fact.Printable("\n", 99), fact.Printable(`\n`, 99))
	require.NotEqual(t, fact.Printable("\xff", 99), fact.Printable(`\xff`, 99))
	require.Equal(t, "abc", fact.Printable("abc", 3))
	require.Equal(t, "…", fact.Printable("abcd", 3))
	require.Equal(t, "ab…", fact.Printable("abcdef", 5))
	require.Equal(t, `\\…`, fact.Printable(`\\\`, 5), "an escape is not cut in the middle")
}

func TestADamagedLineIsNoFact(t *testing.T) {
	line, err := fact.Encode(0, fact.Fact{Kind: "Enforced", Message: "m"})
	require.NoError(t, err)
	for i := range line {
		for _, c := range []byte{0, line[i] ^ 1, ' '} {
			damaged := bytes.Clone(line)
			if damaged[i] == c {
				continue
			}
			damaged[i] = c
			_, err := fact.Decode(damaged)
			require.Error(t, err, "%q", damaged)
		}
		_, err := fact.Decode(line[:i])
		require.Error(t, err)
	}
}
