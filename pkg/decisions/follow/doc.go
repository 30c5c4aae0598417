// Package follow reads along while the bytes of a TCP connection pass, and decides which requests they are. It changes, holds back and
// refuses no byte.
//
// It reads strictly: what two servers could take for two different things it does not read. From there on it reports that side of the
// connection as unread (Event Unread, with the reason), and reports no request that it guessed. The request whose head was not clear is
// reported before that, if its first line was, so what a tenant can hide is never more than what follows an Unread that the record shows.
//
// The two sides are read independently of each other: an answer that cannot be read does not end the reading of requests.
package follow
