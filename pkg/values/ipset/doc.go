// Package ipset holds IP sets as values: it renders the text that ipset(8) restore reads and reads the text that ipset
// save prints. It does no I/O; values are safe for concurrent reading.
package ipset
