package fact

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of one line. A text that is longer is cut, with an ellipsis at its end.
const (
	MaxName    = 253  // bytes of a kind, a reason, a name, a detail's key
	MaxMessage = 1024 // bytes of a message, or of a detail
	MaxDetails = 8
	MaxLine    = 32 << 10 // bytes of a whole line; what the bounds above allow is shorter
)

// ellipsis ends a text that was cut.
const ellipsis = "…"

// Printable returns the text with everything escaped that a terminal, a log or a browser would act on or not show: control characters,
// marks of direction, bytes that are not UTF-8, and, so that an escape can be read back, backslashes. It has at most so many bytes.
func Printable(text string, most int) string {
	var b strings.Builder
	fits := 0 // up to where the text stays if an ellipsis has to follow
	for i := 0; i < len(text); {
		part, size := escaped(text[i:])
		if b.Len()+len(part) > most {
			return b.String()[:fits] + ellipsis
		}
		b.WriteString(part)
		if b.Len()+len(ellipsis) <= most {
			fits = b.Len()
		}
		i += size
	}
	return b.String()
}

// escaped returns the first rune of a text as it is written, and how many of the text's bytes it takes.
func escaped(text string) (part string, size int) {
	r, size := utf8.DecodeRuneInString(text)
	switch {
	case r == utf8.RuneError && size == 1:
		return fmt.Sprintf(`\x%02x`, text[0]), size
	case r == '\\':
		return `\\`, size
	case unicode.IsPrint(r):
		return text[:size], size
	case r > 0xffff:
		return fmt.Sprintf(`\U%08x`, r), size
	default:
		return fmt.Sprintf(`\u%04x`, r), size
	}
}
