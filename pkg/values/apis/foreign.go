package apis

// IsForeign reports whether a namespace with these labels hosts a guest's workloads and is therefore guarded.
// Liqo's own tenant namespaces bear the guest's label too and are not foreign.
func IsForeign(labels map[string]string) bool {
	_, guest := labels[LabelRemoteCluster]
	_, tenant := labels[LabelTenantNamespace]
	return guest && !tenant
}
