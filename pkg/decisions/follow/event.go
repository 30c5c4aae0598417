package follow

// Kind is what an Event reports.
type Kind uint8

// The kinds of events.
const (
	// Began: a request began. It is reported before a byte of its answer is read, and, unless the answer comes earlier, when its head is whole.
	Began Kind = iota + 1
	// Ended: the answer to a request ended, or can no longer be read.
	Ended
	// Named: a TLS connection began, with the server name that the client asked for. Both sides are unread from here on.
	Named
	// Unread: from here on, the bytes of Side are not read. Both sides of a connection can become unread, each once.
	Unread
	// Open: a request that began earlier has not ended yet. It has the fields of Began, and how long it has lasted.
	Open
)

// Side is one direction of a connection.
type Side uint8

// The sides.
const (
	Requests Side = iota // from the client to the server
	Answers              // from the server to the client
)

// Event is what the bytes of a connection showed.
type Event struct {
	Kind Kind
	// Stamp is when the request began, or what is Named or Unread was, on the clock of Connection.Now. No two requests of a connection have the same.
	Stamp int64
	// Lasted is how long after that the answer ended, for Ended, or how long the request has been open.
	Lasted int64
	// Exchange counts the requests of a connection from 1 on. It is 0 for Named and Unread.
	Exchange uint64
	Protocol string // of a request: HTTP/1.0, HTTP/1.1, HTTP/2 …
	// Method, Authority and Path are of Began and Open; Authority also of Named. Each is cut at its bound (maxMethod and the like); Cut says that one was.
	Method, Authority, Path string
	Cut                     bool
	// Status is that of the answer, for Ended; 0 if none could be read.
	Status int
	// RequestBytes and AnswerBytes are those of the bodies so far, for Ended, as they passed (with chunk headers).
	RequestBytes, AnswerBytes int64
	Side                      Side   // of Unread
	Reason                    string // of Unread: one of the texts of this package
}

// Bounds of what an event holds, in bytes, and of what a connection remembers.
const (
	maxMethod    = 64
	maxAuthority = 1024
	maxPath      = 4096
	// maxLine is how much of a line that is not whole yet is remembered. Of a longer one the rest is checked and dropped.
	maxLine = 8 << 10
	// maxHead is how long a head (all its lines, and the answers of 1xx before it) and a line within a body may be: no body's bytes count them. Of a
	// side that sends more the rest is unread, so that the connection's line has its bytes.
	maxHead = 1 << 20
	// maxWaiting is how many requests wait for their answers. With more, the answers are unread: they cannot be matched to requests any more.
	maxWaiting = 256
	// maxEarly is how much is remembered of what a server of HTTP/2 sends before the client: its settings.
	maxEarly = 512
)

// Reasons of Unread.
const (
	ReasonTLS           = "TLS"
	ReasonDefect        = "a defect of the reader"
	ReasonMemory        = "the reader's memory is full"
	ReasonNotHTTP       = "not HTTP"
	ReasonServerFirst   = "the server speaks first"
	ReasonEarlyAnswer   = "answered before the first line of the request was whole"
	ReasonEnded         = "ended before the first line of the request was whole"
	ReasonOldVersion    = "HTTP/0.9"
	ReasonLineEnd       = "a line does not end in CR LF"
	ReasonControl       = "a control character"
	ReasonField         = "a header field that is not one"
	ReasonHosts         = "several Host fields"
	ReasonFolded        = "a folded header field"
	ReasonHead          = "a head of more than 1 MiB"
	ReasonLength        = "an unclear Content-Length"
	ReasonCoding        = "an unclear Transfer-Encoding"
	ReasonBoth          = "Content-Length and Transfer-Encoding"
	ReasonChunk         = "an unclear chunk"
	ReasonConnectBody   = "CONNECT with a body"
	ReasonInside        = "a body that begins like a request"
	ReasonStatusLine    = "an answer without a status line"
	ReasonUnasked       = "an answer without a request"
	ReasonTooManyWait   = "too many requests wait for answers"
	ReasonUpgraded      = "the protocol changed"
	ReasonTunnel        = "a tunnel"
	ReasonFrame         = "an unclear HTTP/2 frame"
	ReasonHeaderBlock   = "an HTTP/2 header block that cannot be read"
	ReasonUnknownStream = "an answer on a stream without a request"
)
