package httptext

// word is what is known of a word that is read byte by byte. None of it is kept.
type word struct {
	size    int
	get     int  // how many of its bytes are those of GET; beyond: it is another word
	small   bool // it has a small letter
	path    bool // it begins with a slash, or has "://"
	scheme  int  // how many of the last bytes are the beginning of "://"
	version int  // how many of its bytes are those of a version of HTTP; beyond: it is another word
}

const (
	get, scheme = "GET", "://"
	prefix      = "HTTP/" // of a version, in any letters
)

func (w *word) read(c byte) {
	if w.size == w.get && w.size < len(get) && c == get[w.size] {
		w.get++
	}
	w.small = w.small || c >= 'a' && c <= 'z'
	switch c {
	case scheme[w.scheme]:
		w.scheme++
	case scheme[0]:
		w.scheme = 1
	default:
		w.scheme = 0
	}
	if w.scheme == len(scheme) || w.size == 0 && c == '/' {
		w.path, w.scheme = true, 0
	}
	if w.size == w.version && ofVersion(w.size, c) {
		w.version++
	}
	w.size++
}

// ofVersion reports whether a byte may be in this place of a version of HTTP. Servers accept others than there are.
func ofVersion(place int, c byte) bool {
	if place >= len(prefix) {
		return c == '.' || c >= '0' && c <= '9'
	}
	upper := c
	if c >= 'a' && c <= 'z' {
		upper -= 'a' - 'A'
	}
	return upper == prefix[place]
}

func (w *word) isGet() bool { return w.size == len(get) && w.get == len(get) }

func (w *word) isVersion() bool { return w.version == w.size && w.size > len(prefix) }
