// Package proxymemory decides how much memory the kernel may hold for the sockets of a proxy, and which connections end when it holds more.
package proxymemory
