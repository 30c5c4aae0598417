package window

import (
	"net/url"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"data-space.liqo.io/pkg/values/apis"
)

// Names of query parameters that the decisions read or write.
const (
	labelSelector = "labelSelector"
	fieldSelector = "fieldSelector"
)

// listParameters are the query parameters of lists and watches that reach the API server in a request of the proxy's own.
func listParameters() []string {
	return []string{
		labelSelector, fieldSelector, "watch", "limit", "continue", "resourceVersion", "resourceVersionMatch", "timeoutSeconds",
		"allowWatchBookmarks", "sendInitialEvents", "pretty", "includeObject",
	}
}

// known returns the parameters of a list. A repeated one is refused: the API server takes the first, others the last.
func known(query url.Values, names []string) (url.Values, error) {
	kept := url.Values{}
	for _, name := range names {
		values := query[name]
		if len(values) > 1 {
			return nil, bad("the query has %s %d times; give it once", name, len(values))
		}
		if len(values) == 1 {
			kept[name] = values
		}
	}
	return kept, nil
}

// queryOf returns the query of the proxy's own request: a list whose only item is the object that a get names, or the list or the watch.
func queryOf(r Request) (url.Values, error) {
	if r.Verb == "get" {
		return oneByName(r)
	}
	return known(r.Query, listParameters())
}

// withoutPages has a list be answered as a whole. It refuses a request for a further page.
func withoutPages(query url.Values) error {
	if query.Get("continue") != "" {
		return ExpiredError{}
	}
	query.Del("limit")
	return nil
}

// ownNamespaces selects the namespaces of guests. Liqo's tenant namespaces, which bear the label too, are not theirs.
func (g Guests) ownNamespaces(guests []string) (labels.Requirements, error) {
	ids, err := labels.NewRequirement(apis.LabelRemoteCluster, selection.In, guests)
	if err != nil {
		return nil, bad("the caller's guests are not cluster ids: %v", err)
	}
	tenant, err := labels.NewRequirement(apis.LabelTenantNamespace, selection.DoesNotExist, nil)
	if err != nil {
		return nil, bad("selecting namespaces: %v", err)
	}
	own := labels.Requirements{*ids, *tenant}
	if len(g.disputed) > 0 {
		others, err := labels.NewRequirement("kubernetes.io/metadata.name", selection.NotIn, g.disputed) // the API server keeps this label
		if err != nil {
			return nil, bad("selecting namespaces: %v", err)
		}
		own = append(own, *others)
	}
	return own, nil
}

// intersect adds requirements to the caller's selector. The result is written from what was parsed, never from the caller's text.
func intersect(text string, own labels.Requirements) (string, error) {
	selector, err := labels.Parse(text)
	if err != nil {
		return "", bad("unable to parse labelSelector: %v", err)
	}
	requirements, selectable := selector.Requirements()
	if !selectable {
		return "", bad("labelSelector selects nothing")
	}
	return labels.NewSelector().Add(requirements...).Add(own...).String(), nil
}

// ExpiredError has a client begin a list again: its watch cannot go on, or it asks for a further page of a list that the proxy answers as a whole.
// (The API server's token for that page would name an object that is hidden.)
type ExpiredError struct{ why string }

func (e ExpiredError) Error() string {
	if e.why != "" {
		return e.why
	}
	return "the API proxy answers this list as a whole; start the list without the continue parameter"
}

// oneByName returns the query of a list that has the one object that is asked for, if it is selected.
func oneByName(r Request) (url.Values, error) {
	query, err := known(r.Query, []string{"resourceVersion", "pretty", "includeObject"})
	if err != nil {
		return nil, err
	}
	if query.Get("resourceVersion") != "" {
		query.Set("resourceVersionMatch", "NotOlderThan")
	}
	query.Set(fieldSelector, fields.OneTermEqualSelector("metadata.name", r.Name).String())
	return query, nil
}
