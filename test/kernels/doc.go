// Package kernels attacks guarded pods on the stock kernels of distributions, in virtual machines. These have network
// modules that the machine's own kernel may lack. Each kernel boots in a virtual machine; package node is what runs there.
package kernels
