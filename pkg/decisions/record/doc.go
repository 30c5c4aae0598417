// Package record decides which log lines enter a guest's record, how much at a time, and which parts are deleted first when
// it is full.
package record
