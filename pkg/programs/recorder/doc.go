// Package recorder copies the logs of foreign pods' proxies into one record per guest on the node, while they are written.
// The record outlives proxies, pods and the kubelet's rotation, and no guest can reach it.
package recorder
