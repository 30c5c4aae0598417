// Package recordfile keeps the record of one guest on the node: lines of JSON in segments, bounded in bytes.
package recordfile
