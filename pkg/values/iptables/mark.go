package iptables

import "fmt"

// Mark is a value of a mark, of which the bits in Mask count.
type Mark struct{ Value, Mask uint32 }

// WholeMark is a value of which all bits count.
func WholeMark(value uint32) Mark { return Mark{Value: value, Mask: 1<<32 - 1} }

// String is the mark as matches write it: without a mask if all bits count.
func (m Mark) String() string {
	if m.Mask == 1<<32-1 {
		return fmt.Sprintf("%#x", m.Value)
	}
	return m.full()
}

// full is the mark as targets write it.
func (m Mark) full() string { return fmt.Sprintf("%#x/%#x", m.Value, m.Mask) }

// named is the mark's name, or the mark itself.
func (m Mark) named(names map[Mark]string) string {
	if name, known := names[m]; known {
		return name
	}
	return "`" + m.String() + "`"
}
