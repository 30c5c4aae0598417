package apis

// IsForeign reports whether a namespace with these labels hosts a guest's workloads and is therefore guarded.
// Liqo's own tenant namespaces bear the guest's label too and are not foreign.
func IsForeign(labels map[string]string) bool {
	_, guest := labels[LabelRemoteCluster]
	_, tenant := labels[LabelTenantNamespace]
	return guest && !tenant
}

// Guest returns the cluster id of the guest that a namespace with these labels belongs to, or "". Ask IsForeign whether it hosts the
// guest's workloads.
func Guest(labels map[string]string) string { return labels[LabelRemoteCluster] }

// IsGuarded reports whether pods in a namespace with these labels get a proxy and are held to it: the namespace is foreign, and the
// Hospital has not taken the guard off.
func IsGuarded(labels map[string]string) bool { return IsForeign(labels) && WebhookEnabled(labels) }

// IsSuspended reports whether a namespace with these labels belongs to a guest that is suspended.
func IsSuspended(labels map[string]string) bool {
	return IsForeign(labels) && labels[LabelSuspended] == "true"
}
