package window

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

func policy(name string, v v1alpha1.Visibility) v1alpha1.GuestPolicy {
	return v1alpha1.GuestPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.GuestPolicySpec{Visibility: &v}}
}

func nodes(selector *v1alpha1.Selector, names ...v1alpha1.VisibleName) v1alpha1.Visibility {
	v := v1alpha1.Visibility{}
	if len(names) > 0 {
		v.Nodes = append(v.Nodes, v1alpha1.VisibleObjects{Names: names})
	}
	if selector != nil {
		v.Nodes = append(v.Nodes, v1alpha1.VisibleObjects{Selector: selector})
	}
	return v
}

func read(verb, resource, name, query string) Request {
	values, _ := url.ParseQuery(query)
	return Request{Method: "GET", Resource: true, Verb: verb, Kind: schema.GroupResource{Resource: resource}, Version: "v1", Name: name, Query: values}
}

func TestOnlyReadsOfGuestsAreTheProxysOwn(t *testing.T) {
	g := NewGuests([]string{"pharma", "rival"}, []v1alpha1.GuestPolicy{policy("pharma", nodes(nil, "n1"))})
	ids := []string{"pharma"}
	change := func(f func(*Request)) Request {
		r := read("list", "namespaces", "", "")
		f(&r)
		return r
	}
	for name, r := range map[string]Request{
		"another verb":     change(func(r *Request) { r.Verb = "deletecollection"; r.Method = "DELETE" }),
		"HEAD":             change(func(r *Request) { r.Method = "HEAD" }),
		"no resource":      change(func(r *Request) { r.Resource = false }),
		"a subresource":    change(func(r *Request) { r.Subresource = "status"; r.Verb = "get" }),
		"a verb in a path": change(func(r *Request) { r.VerbInPath = true }),
		"another group":    change(func(r *Request) { r.Kind.Group = "x" }),
		"another kind":     read("list", "componentstatuses", "", ""),
		"in a namespace":   change(func(r *Request) { r.Kind.Resource = "nodes"; r.Namespace = "x" }),
	} {
		v, err := g.Decide(ids, r)
		require.NoError(t, err)
		require.Equal(t, Verdict{Action: Pass}, v, name)
	}
	v, err := g.Decide(nil, read("list", "namespaces", "", ""))
	require.NoError(t, err)
	require.Equal(t, Pass, v.Action, "a caller who is no guest's")
}

func TestWhatIsSentInstead(t *testing.T) {
	gpu := &v1alpha1.Selector{MatchLabels: map[string]v1alpha1.LabelValue{"gpu": "true"}}
	g := NewGuests([]string{"pharma"}, []v1alpha1.GuestPolicy{
		policy("named", nodes(nil, "n1")), policy("labelled", nodes(gpu)), policy("mixed", nodes(gpu, "n1")),
	})
	for _, c := range []struct {
		guest  string
		r      Request
		action Action
		path   string
		query  string
	}{
		{"pharma", read("list", "namespaces", "", "limit=5&x=y"), Narrow, "/api/v1/namespaces", "labelSelector=liqo.io/remote-cluster-id in (pharma),!liqo.io/tenant-namespace&limit=5"},
		{"pharma", read("watch", "namespaces", "", "watch=1&labelSelector=a=b"), Narrow, "/api/v1/namespaces", "labelSelector=a=b,liqo.io/remote-cluster-id in (pharma),!liqo.io/tenant-namespace&watch=1"},
		{"pharma", read("get", "namespaces", "ns", "labelSelector=x&resourceVersion=7"), Narrow, "/api/v1/namespaces", "fieldSelector=metadata.name=ns&labelSelector=liqo.io/remote-cluster-id in (pharma),!liqo.io/tenant-namespace&resourceVersion=7&resourceVersionMatch=NotOlderThan"},
		{"pharma", read("list", "nodes", "", ""), Pass, "", ""},
		{"named", read("list", "nodes", "", "limit=5&includeObject=None"), Filter, "/api/v1/nodes", "includeObject=Metadata"},
		{"named", read("get", "nodes", "n2", ""), Hide, "", ""},
		{"named", read("get", "nodes", "n1", ""), Filter, "/api/v1/nodes", "fieldSelector=metadata.name=n1"},
		{"labelled", read("list", "nodes", "", "limit=5&continue=x"), Narrow, "/api/v1/nodes", "continue=x&labelSelector=gpu=true&limit=5"},
		{"labelled", read("get", "nodes", "n2", ""), Filter, "/api/v1/nodes", "fieldSelector=metadata.name=n2"},
		{"mixed", read("watch", "nodes", "", "labelSelector=x"), Filter, "/api/v1/nodes", "labelSelector=x"},
	} {
		v, err := g.Decide([]string{c.guest}, c.r)
		require.NoError(t, err)
		query, err := url.QueryUnescape(v.Query.Encode())
		require.NoError(t, err)
		require.Equal(t, []string{string(c.action), c.path, c.query}, []string{string(v.Action), v.Path, query}, "%s %+v", c.guest, c.r)
	}
	_, err := g.Decide([]string{"named"}, read("list", "nodes", "", "continue=x"))
	require.ErrorAs(t, err, &ExpiredError{})
	_, err = g.Decide([]string{"pharma"}, read("list", "namespaces", "", "labelSelector=a&labelSelector=b"))
	require.ErrorAs(t, err, &BadRequestError{})
}

func TestTwoGuestsSeeWhatEitherSees(t *testing.T) {
	g := NewGuests(nil, []v1alpha1.GuestPolicy{policy("a", nodes(nil, "n1")), policy("b", nodes(nil, "n2"))})
	v, err := g.Decide([]string{"a", "b"}, read("list", "nodes", "", ""))
	require.NoError(t, err)
	require.True(t, v.Visible.Shows("n1", "", nil))
	require.True(t, v.Visible.Shows("n2", "", nil))
	require.False(t, v.Visible.Shows("n3", "", nil))
	require.False(t, v.Visible.Shows("n1", "some", nil), "an object of a namespace is never shown")
	only, err := g.Decide([]string{"a"}, read("list", "nodes", "", ""))
	require.NoError(t, err)
	require.False(t, v.Same(only))
	require.True(t, v.Same(v))
}

func TestWhoIsNotServed(t *testing.T) {
	for _, c := range []Caller{
		{}, {User: "system:anonymous"}, {User: "a", Groups: []string{"system:masters"}}, {User: "a", Groups: []string{"system:nodes"}}, {User: "system:node:x"},
	} {
		require.NotEmpty(t, Unfit(c), "%+v", c)
	}
	require.Empty(t, Unfit(Caller{User: "slice", Groups: []string{"pharma", "system:authenticated"}}))
}

func TestOnlyJSONIsRead(t *testing.T) {
	for accept, want := range map[string]string{
		"": "application/json", "*/*": "application/json", "application/vnd.kubernetes.protobuf": "", "text/html;q=0.9, application/json;q=0.1": "application/json;q=0.1",
		"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
		"application/vnd.kubernetes.protobuf, */*;q=0.5":               "application/json;q=0.5",
	} {
		require.Equal(t, want, AcceptJSON(accept, true), accept)
	}
}

func TestURLsThatTwoServersMayReadDifferently(t *testing.T) {
	for text, fine := range map[string]bool{
		"/": true, "/api": true, "/api/v1/namespaces": true, "/api/v1/namespaces/": true, "/api/v1/x%20y": true, "/a?b=c&d=e%2f": true,
		"//api": false, "/api//": false, "/api/./x": false, "/api/../x": false, "/api/..": false, "/api/%2e%2e/x": false, "/api%2fx": false, "/a%5cb": false,
		"/a%00": false, "/a%0ab": false, "/a%25b": false, "/a?b;c": false, "/a?%zz": false, "/a%c0%ae": false,
	} {
		u, err := url.Parse(text)
		if err == nil {
			_, err = CheckURL(u)
		}
		require.Equal(t, fine, err == nil, "%s: %v", text, err)
	}
}

// FuzzSelector tries what a caller may send as a selector: whatever is accepted selects only the guest's namespaces, and only those that the
// caller's own selector selects.
func FuzzSelector(f *testing.F) {
	for _, seed := range []string{
		"labelSelector=a", "labelSelector=liqo.io/remote-cluster-id%3Drival", "labelSelector=a%20in%20(b,c),!d", "labelSelector=a>1", "labelSelector=a&labelSelector=b",
		"labelSelector=%00", "labelSelector=,", "fieldSelector=x&labelSelector=!liqo.io/remote-cluster-id", "labelSelector=a notin ()", "labelSelector=a==b\n",
	} {
		f.Add(seed)
	}
	g := NewGuests([]string{"pharma"}, nil)
	spaces := []labels.Set{
		{}, {"liqo.io/remote-cluster-id": "rival"}, {"liqo.io/remote-cluster-id": "pharma", "liqo.io/tenant-namespace": "true"},
		{"liqo.io/remote-cluster-id": ""}, {"a": "b"}, {"liqo.io/remote-cluster-id": "pharma"}, {"liqo.io/remote-cluster-id": "pharma", "a": "b"},
	}
	f.Fuzz(func(t *testing.T, query string) {
		u := &url.URL{Path: "/api/v1/namespaces", RawQuery: query}
		values, err := CheckURL(u)
		if err != nil {
			return
		}
		v, err := g.Decide([]string{"pharma"}, Request{
			Method: "GET", Resource: true, Verb: "list", Kind: schema.GroupResource{Resource: "namespaces"}, Version: "v1", Query: values,
		})
		if err != nil {
			return
		}
		sent, err := url.ParseQuery(v.Query.Encode())
		require.NoError(t, err)
		require.Len(t, sent["labelSelector"], 1)
		selector, err := labels.Parse(sent.Get("labelSelector"))
		require.NoError(t, err)
		theirs, err := labels.Parse(values.Get("labelSelector"))
		require.NoError(t, err)
		for _, space := range spaces {
			_, tenant := space["liqo.io/tenant-namespace"]
			own := space["liqo.io/remote-cluster-id"] == "pharma" && !tenant
			require.Equal(t, own && theirs.Matches(space), selector.Matches(space), "%q of %v", query, space)
		}
	})
}
