// Package machine makes machines out of namespaces: network, mounts, processes, host name and IPC, and a first process that
// restarts the machine's programs. When the first process dies, the kernel ends everything else of the machine.
package machine
