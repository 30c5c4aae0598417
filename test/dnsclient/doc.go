// Package dnsclient is a small DNS client that shows a server's whole answer: code, truncation, records.
package dnsclient
