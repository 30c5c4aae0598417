// Package cniplugin is the CNI plugin that holds a pod's start until the agent of its node has enforced it, as the last of
// the node's plugin chain (CNI specification 1.1). It knows nothing by itself: the agent tells it what is foreign, and
// when the agent is gone, the list that it left.
package cniplugin
