package guestsettings

import "data-space.liqo.io/pkg/values/v1alpha1"

// Tenant is what is read of a Tenant of Liqo's (authentication.liqo.io).
type Tenant struct {
	Guest     string // its cluster id
	Condition string // Active, Cordoned or Drained
}

// The conditions of a Tenant that take something from its guest.
const (
	tenantCordoned = "Cordoned" // it keeps what it has, and gets nothing new
	tenantDrained  = "Drained"  // it loses what it has
)

// TenantIn reads a Tenant, of v1beta1 or before.
func TenantIn(object map[string]any) Tenant {
	spec, _ := object["spec"].(map[string]any)
	guest, _ := spec["clusterID"].(string)
	if guest == "" {
		identity, _ := spec["clusterIdentity"].(map[string]any)
		guest, _ = identity["clusterID"].(string)
	}
	condition, _ := spec["tenantCondition"].(string)
	return Tenant{Guest: guest, Condition: condition}
}

// WantsTenant reports whether a Tenant can suspend a guest with these settings.
func WantsTenant(spec v1alpha1.GuestPolicySpec) bool {
	return spec.SuspendWithTenant == v1alpha1.TenantDrained || spec.SuspendWithTenant == v1alpha1.TenantCordoned
}

// BySuspendingTenant returns the Tenant that suspends its guest, where the guest's settings want that.
func BySuspendingTenant(spec v1alpha1.GuestPolicySpec, tenants []Tenant) (Tenant, bool) {
	for _, t := range tenants {
		if WantsTenant(spec) && (t.Condition == tenantDrained || t.Condition == tenantCordoned && spec.SuspendWithTenant == v1alpha1.TenantCordoned) {
			return t, true
		}
	}
	return Tenant{}, false
}
