// Package tolerations decides who may tolerate the taints that reserve nodes: a new toleration, or a pod's node by name, is allowed or a finding.
package tolerations
