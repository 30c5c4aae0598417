package apiaudit

import (
	"fmt"
	"strconv"
	"strings"

	"data-space.liqo.io/pkg/values/fact"
)

func joined(names []string) string { return strings.Join(names, " ") }

// Fact returns the request as a fact about its guest. A request of a caller of several guests is a fact about none of them. The fact's
// reason is the verdict, so that refused requests, of which a caller can send any number, have a rate of their own. What else the caller
// chooses is in the details, which have no part in the rate.
func (r Request) Fact() fact.Fact {
	caller := r.caller()
	f := fact.Fact{
		Time: r.Came, Kind: fact.APIRequested, Reason: r.Verdict, Warning: r.Code == 401 || r.Code == 403,
		Details: map[string]string{"id": r.ID, "verb": r.Verb, "user": caller.Name, "code": strconv.Itoa(r.Code)},
	}
	if len(r.Guests) == 1 { // one guest's log must not have what the caller asked of another's objects
		f.Subject.Guest = r.Guests[0]
	}
	what := r.Path
	if r.Resource {
		what = r.resource()
		f.Details["resource"] = what
		if object := strings.Trim(r.Namespace+"/"+r.Name, "/"); object != "" {
			f.Details["object"] = object
			what += " " + object
		}
	} else {
		f.Details["path"] = r.Path
	}
	state := "answered with"
	if r.Stage == Started {
		f.Reason += " " + string(Started)
		state = "is open:"
	}
	f.Message = fmt.Sprintf("%s %s from %s: %s %d", r.Verb, what, r.Remote, state, r.Code)
	if r.As != nil {
		f.Details["sender"] = r.Sender.Name
	}
	if len(r.Guests) > 1 {
		f.Message += "; a caller of the guests " + joined(r.Guests)
	}
	return f
}

// Impersonation returns the request as a fact about its sender, who asks to act as another user by its Impersonate-* headers.
func (r Request) Impersonation(as string, allowed bool) fact.Fact {
	f := fact.Fact{
		Kind: fact.Impersonated, Reason: "Refused", Warning: true, Details: map[string]string{"id": r.ID, "sender": r.Sender.Name, "as": as},
		Message: fmt.Sprintf("a request to the API proxy from %s: its sender may not act as the other user", r.Remote),
	}
	if allowed {
		f.Reason, f.Warning, f.Message = fact.Allowed, false, fmt.Sprintf("a request to the API proxy from %s: its sender acts as another user, as the API server allows", r.Remote)
	}
	if len(r.Guests) == 1 {
		f.Subject.Guest = r.Guests[0]
	}
	return f
}
