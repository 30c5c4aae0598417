package envoy

import (
	"fmt"
	"slices"
	"strings"

	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// upgradeTokens are the protocols to which connections of HTTP/1.1 really change in practice: websockets, the streams of
// container engines, and those of kubectl behind a plain-HTTP proxy.
//
// They are a list because Envoy offers a choice of two faults. It lets the connection change only if the token is on its
// list; but if the server then answers 200 instead of 101, Envoy drops the answer's body. Clients that offer TLS/1.2 (Apache
// HttpClient since 5.4) or h2c with every request expect the 200. So those offers are taken out of the request, which every server
// may ignore anyway (RFC 9110, 7.8), and the answer passes whole.
func upgradeTokens() []string { return []string{"websocket", "tcp", "SPDY/3.1"} }

// regexLimit bounds the regular expressions of this configuration, in instructions of RE2.
const regexLimit = 1000

func upgrades(types ...string) []*hcmv3.HttpConnectionManager_UpgradeConfig {
	var configs []*hcmv3.HttpConnectionManager_UpgradeConfig
	for _, t := range types {
		configs = append(configs, &hcmv3.HttpConnectionManager_UpgradeConfig{UpgradeType: t})
	}
	return configs
}

// ignoredUpgrades match every token that is not one of upgradeTokens.
func ignoredUpgrades() []*matcherv3.StringMatcher {
	return []*matcherv3.StringMatcher{{MatchPattern: &matcherv3.StringMatcher_SafeRegex{
		SafeRegex: &matcherv3.RegexMatcher{Regex: "(?i)" + noneOf(upgradeTokens()...)},
	}}}
}

// noneOf returns a regular expression that matches each text that is none of the words, as a whole. RE2 has no negation:
// the expression lists how a text can leave each prefix of a word.
func noneOf(words ...string) string {
	next := map[string]map[string]bool{} // prefix: the characters that follow it
	for _, w := range words {
		w = strings.ToLower(w)
		for i := range len(w) {
			if next[w[:i]] == nil {
				next[w[:i]] = map[string]bool{}
			}
			next[w[:i]][w[i:i+1]] = true
		}
		if next[w] == nil {
			next[w] = map[string]bool{}
		}
	}
	whole := map[string]bool{}
	for _, w := range words {
		whole[strings.ToLower(w)] = true
	}
	var ways []string
	for prefix, following := range next {
		ways = append(ways, leave(prefix, following, whole[prefix]))
	}
	slices.Sort(ways)
	return "(" + strings.Join(ways, "|") + ")"
}

// leave matches the texts that begin with prefix and go on with a character that is not among following, or end there where
// prefix is not a whole word itself.
func leave(prefix string, following map[string]bool, word bool) string {
	other := "."
	if len(following) > 0 {
		var set strings.Builder
		for c := range following {
			fmt.Fprintf(&set, `\x%02x`, c[0])
		}
		other = "[^" + sorted(set.String()) + "]"
	}
	way := literal(prefix) + "(" + other + ".*)"
	if !word {
		way += "?"
	}
	return way
}

// sorted orders escaped characters, so that the same words give the same bytes.
func sorted(escaped string) string {
	parts := strings.Split(escaped, `\`)
	slices.Sort(parts)
	return strings.Join(parts, `\`)
}

func literal(text string) string {
	var all strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&all, `\x%02x`, c)
	}
	return all.String()
}
