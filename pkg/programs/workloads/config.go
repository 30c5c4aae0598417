package workloads

import (
	"data-space.liqo.io/pkg/decisions/leastpriv"
	"data-space.liqo.io/pkg/values/apis"
)

// RoleName is the ClusterRole of deploy/workload-policies. It owns the policies: they go when it is deleted.
const RoleName = "data-space-workload-policies"

// Config is what the controller's flags say of workloads' policies.
type Config struct {
	// Enabled starts the controller. Without it nothing is watched, and policies that are there stay.
	Enabled bool
	leastpriv.Switch
	leastpriv.Settings
}

// DefaultExcluded are the namespaces that are never turned on unless the flag names others.
func DefaultExcluded() []string {
	return []string{"data-spacer", "kube-node-lease", "kube-public", "kube-system", "liqo"}
}

// Narrowed reports whether the workloads of a guest's namespace have policies that replace the Hospital's openings there.
func (c Config) Narrowed(name string, labels map[string]string) bool {
	mode, _ := c.Of(name, labels)
	return c.Enabled && apis.IsForeign(labels) && mode == leastpriv.Enforce
}
