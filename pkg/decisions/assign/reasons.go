package assign

import "data-space.liqo.io/pkg/values/apis"

// Exemption returns why a pod with this reason is not enforced.
func (r Reason) Exemption() string {
	switch r {
	case HostNetwork:
		return "the pod uses the node's own network namespace, which is never touched"
	case OptedOut:
		return "its namespace bears the label " + apis.LabelApplyWebhook + "=false: no proxy is injected, none is enforced"
	case NotForeign:
		return "its namespace no longer belongs to a guest"
	default:
		return ""
	}
}
