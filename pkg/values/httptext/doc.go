// Package httptext reads pieces of HTTP/1 messages: tokens, the sizes of chunks, and the first line of a body, which some servers take for a request.
package httptext
