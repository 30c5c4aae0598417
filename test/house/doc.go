// Package house holds tests about the shape of the code: which package may import which, how large a main may be, and that
// documents name what the code has.
//
//go:generate go test . -run TestTheMapIsUpToDate -update
package house
