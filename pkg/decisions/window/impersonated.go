package window

import (
	"net/url"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
)

// Assumed is whom a caller wants to act as, and the rights that it takes.
type Assumed struct {
	User, UID string
	Groups    []string
	Extra     map[string][]string
	Reviews   []authorizationv1.ResourceAttributes
}

// Impersonated returns whom the headers of a request name by Impersonate-*, as the API server reads them; nil: they name no one.
func Impersonated(headers map[string][]string) (*Assumed, error) {
	a := &Assumed{Extra: map[string][]string{}}
	named := false
	for name, values := range headers {
		lower := strings.ToLower(name)
		if !strings.HasPrefix(lower, impersonate) {
			continue
		}
		named = true
		if err := a.take(lower, values); err != nil {
			return nil, err
		}
	}
	switch {
	case !named:
		return nil, nil //nolint:nilnil // The headers name no one.
	case a.User == "":
		return nil, bad("the request has Impersonate-* headers without Impersonate-User; add it, or remove them")
	}
	a.review()
	return a, nil
}

// Impersonates reports whether the headers of a request name another identity.
func Impersonates(headers map[string][]string) bool {
	for name := range headers {
		if strings.HasPrefix(strings.ToLower(name), impersonate) {
			return true
		}
	}
	return false
}

const impersonate = "impersonate-"

// take adds one header of impersonation, whose name is in lower case. Keys of extras are escaped as in a URL (RFC 3986) and are lower case, as
// the API server reads them.
func (a *Assumed) take(name string, values []string) error {
	if (name == "impersonate-user" || name == "impersonate-uid") && len(values) != 1 {
		return bad("the request has the header %s %d times; give it once", name, len(values))
	}
	if slices.Contains(values, "") {
		return bad("the header %s has an empty value", name)
	}
	key, extra := strings.CutPrefix(name, "impersonate-extra-")
	switch {
	case name == "impersonate-user":
		a.User = values[0]
	case name == "impersonate-uid":
		a.UID = values[0]
	case name == "impersonate-group":
		a.Groups = values
	case extra:
		if unescaped, err := url.PathUnescape(key); err == nil {
			key = unescaped
		}
		a.Extra[strings.ToLower(key)] = append(a.Extra[strings.ToLower(key)], values...)
	default:
		return bad("the header %s is unknown; remove it", name)
	}
	return nil
}

// review lists the rights that it takes to act so: the verb impersonate on each part.
func (a *Assumed) review() {
	add := func(group, resource, subresource, namespace, name string) {
		a.Reviews = append(a.Reviews, authorizationv1.ResourceAttributes{
			Verb: "impersonate", Group: group, Resource: resource, Subresource: subresource, Namespace: namespace, Name: name,
		})
	}
	const account, authentication = "system:serviceaccount:", "authentication.k8s.io"
	if namespace, name, ok := strings.Cut(strings.TrimPrefix(a.User, account), ":"); ok && strings.HasPrefix(a.User, account) {
		add("", "serviceaccounts", "", namespace, name)
	} else {
		add("", "users", "", "", a.User)
	}
	for _, group := range a.Groups {
		add("", "groups", "", "", group)
	}
	if a.UID != "" {
		add(authentication, "uids", "", "", a.UID)
	}
	for key, values := range a.Extra {
		for _, value := range values {
			add(authentication, "userextras", key, "", value)
		}
	}
}
