// Package guard decides which of Data Spacer's objects a namespace must have, with which content, and which write brings it
// there. It also returns the labels of the namespace that have no valid value.
package guard
