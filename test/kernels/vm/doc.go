// Package vm boots a stock kernel in qemu and runs one program on it. The virtual machine sees the files of this machine,
// read-only, below a layer in memory; it has no network.
package vm
