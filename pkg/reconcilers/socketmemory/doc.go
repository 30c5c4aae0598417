// Package socketmemory keeps the memory that the kernel holds for proxies' sockets below the proxies' memory limits.
package socketmemory
