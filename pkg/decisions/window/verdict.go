package window

import (
	"net/url"
	"reflect"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// Methods of requests: of reads, and of changes of objects that exist.
const (
	get    = "GET"
	put    = "PUT"
	patch  = "PATCH"
	remove = "DELETE"
)

// Request is what a caller asks for, read as the API server reads it.
type Request struct {
	Method string
	// Resource is false for paths that name no resource, such as /version.
	Resource        bool
	Verb            string
	Kind            schema.GroupResource
	Version         string
	Subresource     string
	Namespace, Name string
	VerbInPath      bool // the deprecated /watch/ and /proxy/
	Query           url.Values
}

// Action is what happens to a request.
type Action string

// The actions.
const (
	// Pass sends the request on in the caller's name.
	Pass Action = "pass"
	// Narrow sends a request of the proxy's own, whose selector lets only the caller's objects through.
	Narrow Action = "narrow"
	// Filter sends a request of the proxy's own, whose answer is filtered.
	Filter Action = "filter"
	// Hide answers that the object does not exist.
	Hide Action = "hide"
	// Write sends a change of an object as the proxy itself, if the object is one that the caller may change, before and after.
	Write Action = "write"
)

// Verdict is what happens to a request, and what is sent instead of it.
type Verdict struct {
	Action Action
	// Path and Query are those of the proxy's own request.
	Path  string
	Query url.Values
	// One reports that the caller has asked for one object, which is the only item of the list that is answered.
	One bool
	// Watch reports that the answer is a stream of events.
	Watch bool
	// Visible decides about each object of a filtered answer, and about an object that is changed.
	Visible Visible
	// Operation is what a write does.
	Operation v1alpha1.VisibleOperation
	// OwnVolumes reports that the caller sees the PersistentVolumes of its own claims, in place of Visible.
	OwnVolumes bool
	// NodeMetrics reports that the caller sees the metrics of the nodes in Visible.
	NodeMetrics bool
}

// Decide returns what happens to a request of a caller who belongs to these guests.
func (g Guests) Decide(ids []string, r Request) (Verdict, error) {
	reads := r.Method == get && (r.Verb == "get" || r.Verb == "list" || r.Verb == "watch")
	if operation, changes := operationOf(r); changes && len(ids) > 0 {
		return write(g.visibleTo(ids, r.Kind), operation, r)
	}
	switch {
	case len(ids) == 0 || !r.Resource || !reads || r.VerbInPath || r.Subresource != "":
		return Verdict{Action: Pass}, nil
	case r.Kind == schema.GroupResource{Resource: "namespaces"}:
		return g.narrowNamespaces(ids, r)
	}
	visible := g.visibleTo(ids, r.Kind)
	switch {
	case r.Namespace != "":
		return Verdict{Action: Pass}, nil
	case len(visible.by) > 0:
		return filter(visible, r)
	case r.Kind == volumes():
		return ownVolumes(r)
	case r.Kind == nodeMetrics() && r.Verb != "watch": // which no server of metrics has
		return metricsOf(g.visibleTo(ids, nodesKind()), r)
	}
	return Verdict{Action: Pass}, nil
}

func (g Guests) narrowNamespaces(ids []string, r Request) (Verdict, error) {
	own, err := g.ownNamespaces(ids)
	if err != nil {
		return Verdict{}, err
	}
	query, err := queryOf(r)
	if err != nil {
		return Verdict{}, err
	}
	selector, err := intersect(query.Get(labelSelector), own)
	if err != nil {
		return Verdict{}, err
	}
	query.Set(labelSelector, selector)
	return Verdict{Action: Narrow, Path: collection(r), Query: query, Watch: r.Verb == "watch", One: r.Verb == "get"}, nil
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

// collection returns the path of all objects of the request's kind.
func collection(r Request) string {
	if r.Kind.Group == "" {
		return "/api/" + r.Version + "/" + r.Kind.Resource
	}
	return "/apis/" + r.Kind.Group + "/" + r.Version + "/" + r.Kind.Resource
}

// Same reports whether two verdicts about one request lead to the same answer.
func (v Verdict) Same(other Verdict) bool {
	return v.Action == other.Action && v.Path == other.Path && v.Query.Encode() == other.Query.Encode() && v.OwnVolumes == other.OwnVolumes && reflect.DeepEqual(v.Visible, other.Visible)
}
