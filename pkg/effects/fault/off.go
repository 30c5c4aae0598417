//go:build !faults

package fault

// At does nothing.
func At(Step) {}
