// Package cniplugin is the CNI plugin that holds a pod's start until the agent of its node has enforced it. It is the last
// of the node's plugin chain (CNI specification 1.1). It asks the agent which namespaces are foreign and, when no agent
// answers, reads the namespace cache.
package cniplugin
