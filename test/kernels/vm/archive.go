package vm

import (
	"bytes"
	"fmt"
)

// archive is an initramfs in cpio's format "newc", which the kernel unpacks at boot.
type archive struct {
	bytes.Buffer
	files int
}

const (
	directory  = 0o040755
	executable = 0o100755
	plain      = 0o100644
)

func (a *archive) add(name string, mode int, data []byte) {
	a.files++
	fmt.Fprintf(a, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.files, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0, name)
	a.pad()
	_, _ = a.Write(data)
	a.pad()
}

// pad fills up to a multiple of four bytes.
func (a *archive) pad() { _, _ = a.Write(make([]byte, (4-a.Len()%4)%4)) }

// end closes the archive.
func (a *archive) end() { a.add("TRAILER!!!", 0, nil) }
