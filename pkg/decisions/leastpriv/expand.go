package leastpriv

import "strings"

// expand replaces $(NAME) as Kubernetes does in env, command and args: $$ stands for $, and a name that is not set stays as it is.
// The result is at most limit bytes long.
func expand(text string, value func(string) (string, bool), limit int) string {
	if !strings.Contains(text, "$") {
		return text[:min(len(text), limit)]
	}
	var out strings.Builder
	for text != "" && out.Len() < limit {
		at := strings.IndexByte(text, '$')
		if at < 0 || at+1 == len(text) {
			out.WriteString(text)
			break
		}
		out.WriteString(text[:at])
		text = text[at:]
		switch end := strings.IndexByte(text, ')'); {
		case text[1] == '$':
			out.WriteByte('$')
			text = text[2:]
		case text[1] == '(' && end > 0:
			if v, set := value(text[2:end]); set {
				out.WriteString(v)
			} else {
				out.WriteString(text[:end+1])
			}
			text = text[end+1:]
		default:
			out.WriteByte('$')
			text = text[1:]
		}
	}
	return out.String()[:min(out.Len(), limit)]
}
