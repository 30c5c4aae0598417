// Package guard decides what a namespace should hold to be guarded: which of Data Spacer's objects, with which content,
// what in its labels cannot be understood, and what has to be done about the objects that are there.
package guard
