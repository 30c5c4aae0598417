// Package machine makes computers out of namespaces: each has its own network, mounts, processes, host name and IPC,
// and a first process that starts the machine's programs again when they end. When the first process dies, the kernel
// ends everything else of the machine.
package machine
