// Package recorder copies what the proxies of foreign pods log into a record on the node, one for each guest, while it is
// written: it outlives proxies, pods and the kubelet's rotation, and no guest can reach it.
package recorder
