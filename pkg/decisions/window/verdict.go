package window

import (
	"net/url"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"data-space.liqo.io/pkg/decisions/guestsettings"
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

// MethodOf returns the HTTP method of requests with a verb, or "" if the program does not itself answer requests with the verb.
func MethodOf(verb string) string {
	switch verb {
	case "get", "list", "watch":
		return get
	case "update":
		return put
	case "patch":
		return patch
	case "delete":
		return remove
	}
	return ""
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

// Visible are the objects of one kind that a caller sees: those that one of the caller's guests sees.
type Visible struct {
	kind schema.GroupResource
	by   []guestsettings.Visible
	// bySelector: the API server has applied the selector, which alone decides.
	bySelector bool
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
