// Package ask is a small DNS client that shows what a server really answers: code, truncation, records.
package ask
