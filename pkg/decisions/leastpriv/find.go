package leastpriv

import (
	"strconv"
	"strings"
)

// textLimit is how much of one text is read.
const textLimit = 64 << 10

// findNames returns the names of the cluster's DNS that a text mentions, seen from a namespace, without repetition and in the text's order.
//
// NAME.NAMESPACE.svc and NAME.NAMESPACE.pod, with or without the cluster's domain, count wherever they stand. The short forms NAME and
// NAME.NAMESPACE are words of the language as well: they count as the host of a URL, with a port, as the whole text, and as a value
// in a list or after "=" or ":".
func findNames(text, namespace, domain string) []Name {
	f := finder{namespace: namespace, domain: strings.ToLower(domain), seen: map[Name]bool{}}
	if len(text) > textLimit {
		text = text[:textLimit]
	}
	f.text(text)
	return f.found
}

type finder struct {
	namespace, domain string
	found             []Name
	seen              map[Name]bool
}

// Characters that end an item. Those of a list leave a word on its own; between spaces it is a word of a sentence.
const (
	listEnds = ",;|=&\"'`<>()[]{}\\\n\r\x00"
	spaces   = " \t\v\f"
	// itemEnds also end an item: a reference to a variable begins.
	itemEnds = listEnds + spaces + "$"
)

// text splits a text into items and reads names from each. What stands around an item decides whether it is a word of a sentence, a key, or a
// value of its own.
func (f *finder) text(text string) {
	before := byte('\n') // the last character before the item that is not a space
	spaced := false      // between that and the item is a space
	for i := 0; i < len(text); {
		c := text[i]
		if strings.IndexByte(spaces, c) >= 0 {
			spaced = true
			i++
			continue
		}
		if length := reference(text[i:]); length > 0 { // its value is not known here
			before, spaced = ')', true
			i += length
			continue
		}
		if strings.IndexByte(listEnds, c) >= 0 {
			before, spaced = c, false
			i++
			continue
		}
		length := 1 + strings.IndexAny(text[i+1:], itemEnds)
		if length == 0 {
			length = len(text) - i
		}
		item := text[i : i+length]
		after := strings.TrimLeft(text[i+length:], spaces)
		listed := after == "" || strings.IndexByte(listEnds, after[0]) >= 0 && !isKey(after)
		alone := before == '=' || before == ':' || listed && !wordBefore(before, spaced)
		f.item(item, alone)
		before, spaced = item[length-1], false
		i += length
	}
}

// reference returns the length of $(NAME) or ${NAME} at the beginning of a text, and of what is glued to it.
func reference(text string) int {
	if len(text) < 4 || text[0] != '$' || text[1] != '(' && text[1] != '{' {
		return 0
	}
	length := 2
	for length < len(text) && (inHost(rune(text[length])) || text[length] == '_') {
		length++
	}
	if length == 2 || length == len(text) || text[length] != ')' && text[length] != '}' {
		return 0
	}
	length++
	for length < len(text) && inHost(rune(text[length])) {
		length++
	}
	return length
}

// isKey reports whether what precedes a text is the key of a value in it, as in KEY=VALUE and "KEY": VALUE.
func isKey(after string) bool {
	after = strings.TrimLeft(after, "\"'")
	return after != "" && (after[0] == '=' || after[0] == ':')
}

// wordBefore reports whether an item follows another with only a space between them.
func wordBefore(before byte, spaced bool) bool {
	return spaced && strings.IndexByte(listEnds, before) < 0
}

// item reads the hosts of URLs in an item, or the item as HOST, HOST:PORT or HOST:PORT/PATH; what is left is read for long forms.
func (f *finder) item(item string, alone bool) {
	if before, rest, isURL := strings.Cut(item, "://"); isURL {
		for isURL {
			scheme := before[strings.LastIndexAny(before, ":/@")+1:]
			authority := rest
			end := strings.IndexAny(rest, "/?#")
			if end >= 0 {
				authority, rest = rest[:end], rest[end:]
			} else {
				rest = ""
			}
			if !f.authority(authority, schemePort(scheme), true) {
				f.longForms(authority)
			}
			before, rest, isURL = strings.Cut(rest, "://")
		}
		f.longForms(before)
		return
	}
	host, path, hasPath := strings.Cut(strings.TrimPrefix(item, "//"), "/")
	_, port, _ := strings.Cut(host[strings.LastIndexByte(host, '@')+1:], ":")
	if (alone && !hasPath || port != "") && f.authority(host, 0, alone || port != "") {
		f.longForms(path)
		return
	}
	f.longForms(item)
}

// authority reads [USER[:PASSWORD]@]HOST[:PORT] and reports whether it is one.
func (f *finder) authority(text string, implied uint16, short bool) bool {
	text = text[strings.LastIndexByte(text, '@')+1:]
	host, portText, hasPort := strings.Cut(text, ":")
	port := implied
	if hasPort {
		number, err := strconv.ParseUint(portText, 10, 16)
		if err != nil || number == 0 {
			return false
		}
		port = uint16(number)
	}
	return f.add(host, port, !hasPort && implied != 0, short)
}

func (f *finder) add(host string, port uint16, implied, short bool) bool {
	all := names(host, f.namespace, f.domain, short)
	for _, name := range all {
		name.Port, name.Implied = port, implied
		if !f.seen[name] {
			f.seen[name] = true
			f.found = append(f.found, name)
		}
	}
	return len(all) > 0
}

// longForms reads each run of characters of a host, with the port that follows it.
func (f *finder) longForms(text string) {
	for text != "" {
		start := strings.IndexFunc(text, inHost)
		if start < 0 {
			return
		}
		text = text[start:]
		end := strings.IndexFunc(text, func(r rune) bool { return !inHost(r) })
		if end < 0 {
			end = len(text)
		}
		host := text[:end]
		text = text[end:]
		port, length := portAfter(text)
		f.add(strings.Trim(host, "-."), port, false, false)
		text = text[length:]
	}
}

func inHost(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-'
}

// portAfter reads :PORT at the beginning of a text, and how long that is.
func portAfter(text string) (uint16, int) {
	if text == "" || text[0] != ':' {
		return 0, 0
	}
	length := 1
	for length < len(text) && text[length] >= '0' && text[length] <= '9' {
		length++
	}
	number, err := strconv.ParseUint(text[1:length], 10, 16)
	if err != nil || number == 0 {
		return 0, 0
	}
	return uint16(number), length
}

// schemePort returns the port that a scheme stands for, for schemes of which no program has another default.
func schemePort(scheme string) uint16 {
	switch strings.ToLower(scheme) {
	case "http", "ws":
		return 80
	case "https", "wss":
		return 443
	default:
		return 0
	}
}
