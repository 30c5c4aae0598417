package window

import (
	"net/url"
	"strings"
)

// MayMerge reports whether a list of all namespaces, which the API server has refused, may be answered namespace by namespace.
func MayMerge(ids []string, r Request) bool {
	return len(ids) > 0 && r.Resource && r.Method == get && r.Verb == "list" && r.Namespace == "" && r.Subresource == "" && !r.VerbInPath &&
		r.Kind.Resource != "namespaces"
}

// Within returns the same list of one namespace: its path and its query.
func Within(r Request, namespace string) (string, url.Values, error) {
	query, err := known(r.Query, []string{labelSelector, fieldSelector, "resourceVersion", "resourceVersionMatch", "timeoutSeconds", "includeObject"})
	if err != nil {
		return "", nil, err
	}
	if r.Query.Get("continue") != "" {
		return "", nil, ExpiredError{}
	}
	all := collection(r)
	at := strings.LastIndex(all, "/")
	return all[:at] + "/namespaces/" + url.PathEscape(namespace) + all[at:], query, nil
}
