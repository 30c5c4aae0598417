// Package auditlog writes lines to standard output, or to a file that is followed by another when it is full. Its callers do not wait for the disk.
package auditlog
