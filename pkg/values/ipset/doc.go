// Package ipset holds IP sets as values: it renders the input of ipset(8) restore and parses the output of ipset save. It
// does no I/O; values are safe for concurrent reading.
package ipset
