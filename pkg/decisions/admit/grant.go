package admit

import (
	"cmp"
	"fmt"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// grantedBy names what the Hospital changes to allow a guest more: a field of the GuestPolicy that sets it, or where none does the webhook's
// flag. A field without a flag (empty) is then one of the guest's own policy.
func (s Settings) grantedBy(field, flag string) string {
	policy, set := s.setters["spec."+field]
	if !set && flag != "" {
		return "the webhook's " + flag
	}
	return fmt.Sprintf("spec.%s of the GuestPolicy %q", field, cmp.Or(policy, s.guest, v1alpha1.DefaultGuestPolicy))
}

// PriorityGrant names where the Hospital grants PriorityClasses.
func (s Settings) PriorityGrant() string {
	return s.grantedBy("workload.priorityClasses", "--priority-classes")
}
