// Package resolver decides the configuration of the guests' resolver: cluster names and listed domains are answered, all
// other names do not exist. Each question is a line in its log that names the pod that asked.
package resolver
