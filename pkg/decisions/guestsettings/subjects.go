package guestsettings

import (
	"slices"
	"strings"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// Identity is who sends a request, as the API server has authenticated it.
type Identity struct {
	User   string
	Groups []string
}

// serviceAccount begins the user names of ServiceAccounts.
const serviceAccount = "system:serviceaccount:"

// GuestsOf returns the guests as whose user an identity counts, sorted: those whose own GuestPolicy lists it as a subject, and each guest
// of known (the cluster ids in the namespaces' labels) whose group it is in. Several are possible; it then sees what each of them sees.
func GuestsOf(who Identity, known func(guest string) bool, policies []v1alpha1.GuestPolicy) []string {
	var guests []string
	for _, group := range who.Groups {
		// Kubernetes' own groups are not cluster ids: a ServiceAccount's group must not become a guest by a namespace's label.
		if group != "" && group != v1alpha1.DefaultGuestPolicy && !strings.HasPrefix(group, "system:") && known(group) {
			guests = append(guests, group)
		}
	}
	for i := range policies {
		p := &policies[i]
		if p.Name == v1alpha1.DefaultGuestPolicy || p.Spec.Visibility == nil {
			continue
		}
		if slices.ContainsFunc(p.Spec.Visibility.Subjects, who.is) {
			guests = append(guests, p.Name)
		}
	}
	slices.Sort(guests)
	return slices.Compact(guests)
}

// is reports whether the identity is the subject, or a member of the group that the subject is.
func (i Identity) is(s v1alpha1.Subject) bool {
	switch s.Kind {
	case "User":
		return i.User == s.Name && !strings.HasPrefix(s.Name, "system:")
	case "Group":
		return slices.Contains(i.Groups, s.Name) && !strings.HasPrefix(s.Name, "system:")
	case "ServiceAccount":
		return i.User == serviceAccount+s.Namespace+":"+s.Name && !strings.Contains(s.Namespace+s.Name, ":")
	}
	return false
}
