package apiaudit

import (
	"time"

	"data-space.liqo.io/pkg/values/fact"
)

// Stage is how far a request is.
type Stage string

// The stages, named as in audit.k8s.io. A request whose answer is a stream (a watch, exec, a log that is followed) has both; others have the last.
const (
	Started  Stage = "ResponseStarted"
	Complete Stage = "ResponseComplete"
)

// User is who sent a request, or whom the sender acts as.
type User struct {
	// Name is the API server's user name, such as system:serviceaccount:NAMESPACE:NAME.
	Name string
	// Groups are those of the authentication, system:authenticated included.
	Groups []string
}

// Request is one request.
type Request struct {
	// ID is the API server's audit ID: both stages of a request have the same one.
	ID      string
	Stage   Stage
	Sender  User
	As      *User    // whom the sender acts as by Impersonate-*; nil: as itself
	Guests  []string // cluster ids of the guests whose it is
	Remote  string   // address and port
	Program string   // the User-Agent

	Verb, Path                                         string
	Resource                                           bool // the path names a resource, by the following
	Group, Version, Kind, Subresource, Namespace, Name string

	// Verdict is what the API proxy did with the request (package window), such as pass or filter.
	Verdict string
	// Code is the status of HTTP that the caller got; 0: there was none.
	Code        int
	Began, Came time.Time // when it was received, and when it reached its stage
}

// Bounds of an event.
const (
	maxText   = 512
	maxGroups = 32
)

func short(text string) string { return fact.Printable(text, maxText) }

// caller is in whose name the request was.
func (r Request) caller() User {
	if r.As != nil {
		return *r.As
	}
	return r.Sender
}

// resource is the kind as kubectl names it: kind.group/subresource.
func (r Request) resource() string {
	name := r.Kind
	if r.Group != "" {
		name += "." + r.Group
	}
	if r.Subresource != "" {
		name += "/" + r.Subresource
	}
	return name
}
