package window

import (
	"hash/fnv"
	"net/url"
	"strconv"
	"strings"
)

// MayMerge reports whether a list or a watch of all namespaces, which the API server has refused, may be answered namespace by namespace.
func MayMerge(ids []string, r Request) bool {
	return len(ids) > 0 && r.Resource && r.Method == get && (r.Verb == "list" || r.Verb == "watch") && r.Namespace == "" && r.Subresource == "" && !r.VerbInPath &&
		r.Kind.Resource != "namespaces"
}

// Within returns the path of the request's kind in one namespace.
func Within(r Request, namespace string) string {
	all := collection(r)
	at := strings.LastIndex(all, "/")
	return all[:at] + "/namespaces/" + url.PathEscape(namespace) + all[at:]
}

// ListWithin returns the query of a list of all namespaces for the first of them. The others are listed at the resource version that its
// list has (AtVersion), so that all are of one moment.
func ListWithin(r Request) (url.Values, error) {
	query, err := known(r.Query, []string{labelSelector, fieldSelector, "resourceVersion", "resourceVersionMatch", "timeoutSeconds", "includeObject"})
	if err != nil {
		return nil, err
	}
	if r.Query.Get("continue") != "" {
		return nil, ExpiredError{}
	}
	if version, _, of := ofAll(query.Get("resourceVersion")); of {
		query.Set("resourceVersion", version)
	}
	return query, nil
}

// AtVersion returns the query of a list at exactly this resource version; "": the kind has none.
func AtVersion(query url.Values, version string) url.Values {
	exact := url.Values{}
	for name, values := range query {
		exact[name] = values
	}
	if version != "" {
		exact.Set("resourceVersion", version)
		exact.Set("resourceVersionMatch", "Exact")
	}
	return exact
}

// WatchWithin returns the query of a watch of all namespaces for each of them, and whether it may begin with these namespaces. Events of several
// namespaces come in no order among each other: a client that has the event of one may lack an earlier one of another. So a watch begins with all
// objects, or at a resource version of all namespaces (VersionOfAll), if they are the same, and not at an object's.
func WatchWithin(r Request) (query url.Values, with func(namespaces []string) bool, err error) {
	query, err = known(r.Query, []string{
		labelSelector, fieldSelector, "watch", "resourceVersion", "resourceVersionMatch", "timeoutSeconds", "allowWatchBookmarks", "sendInitialEvents", "includeObject",
	})
	if err != nil {
		return nil, nil, err
	}
	version, mark, of := ofAll(query.Get("resourceVersion"))
	initial := query.Get("sendInitialEvents") == "true"
	if !of && version != "" && version != "0" && !initial {
		return nil, nil, ExpiredError{"a watch of all namespaces begins at the resource version of their list; list again"}
	}
	if of {
		query.Set("resourceVersion", version)
	}
	return query, func(namespaces []string) bool { return !of || initial || mark == markOf(namespaces) }, nil
}

// WatchJoined returns the query of a watch of a namespace that joins a watch of all: it begins with all objects of the namespace.
func WatchJoined(query url.Values) url.Values {
	joined := url.Values{}
	for name, values := range query {
		if name != "resourceVersion" && name != "resourceVersionMatch" && name != "sendInitialEvents" {
			joined[name] = values
		}
	}
	return joined
}

// Resource versions of all namespaces are numbers that no object bears: allMark, the API server's version times marks, and a mark of the set of
// namespaces.
const (
	allMark    = 1_000_000_000_000_000_000
	marks      = 1_000_000
	mostOfAPI  = 10_000_000_000_000 // an API server that writes 10,000 objects a second has it after 31 years
	numberBase = 10
)

// VersionOfAll returns the resource version of these namespaces, which are in order, at one of the API server's.
func VersionOfAll(version string, namespaces []string) string {
	number, err := strconv.ParseUint(version, numberBase, 64)
	if err != nil || number >= mostOfAPI {
		return version
	}
	return strconv.FormatUint(allMark+number*marks+markOf(namespaces), numberBase)
}

// ofAll returns of what VersionOfAll has returned the API server's version and the mark of the namespaces; any other stays as it is.
func ofAll(version string) (of string, mark uint64, is bool) {
	number, err := strconv.ParseUint(version, numberBase, 64)
	if err != nil || number < allMark {
		return version, 0, false
	}
	return strconv.FormatUint((number-allMark)/marks, numberBase), number % marks, true
}

func markOf(namespaces []string) uint64 {
	h := fnv.New64a()
	for _, namespace := range namespaces {
		_, _ = h.Write([]byte(namespace + "/")) // it returns no error
	}
	return h.Sum64() % marks
}
