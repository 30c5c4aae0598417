package gate_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/gate"
	"data-space.liqo.io/pkg/values/workload"
)

func request() gate.Request {
	return gate.Request{
		Version: gate.Version, Op: gate.Add, Container: "0123abcd", Netns: "/var/run/netns/cni-1",
		Namespace: "pharma-space", Name: "app-1.x", UID: "0-1", IPs: []netip.Addr{netip.MustParseAddr("2001:db8::1")},
		Mark: gate.Mark{Shown: true, Set: true, Guest: "pharma"},
	}
}

func TestRequestsSurviveTheWire(t *testing.T) {
	line, err := gate.Encode(request())
	require.NoError(t, err)
	require.Equal(t, byte('\n'), line[len(line)-1])
	got, err := gate.DecodeRequest(line)
	require.NoError(t, err)
	require.Equal(t, request(), got)

	line, err = gate.Encode(gate.Request{Version: gate.Version, Op: gate.StandDown})
	require.NoError(t, err)
	_, err = gate.DecodeRequest(line)
	require.NoError(t, err)
}

func TestRequestsAreChecked(t *testing.T) {
	for name, spoil := range map[string]func(*gate.Request){
		"another version":                   func(r *gate.Request) { r.Version = 7 },
		"unknown operation":                 func(r *gate.Request) { r.Op = "burn" },
		"container id":                      func(r *gate.Request) { r.Container = "../x" },
		"no clean absolute path":            func(r *gate.Request) { r.Netns = "/run/../proc/1/ns/net" },
		"is no pod's name":                  func(r *gate.Request) { r.Namespace = "A" },
		`"pharma-space"/"" is no pod's`:     func(r *gate.Request) { r.Name = "" },
		"uid is too long":                   func(r *gate.Request) { r.UID = strings.Repeat("a", 200) },
		"addresses are more than a pod has": func(r *gate.Request) { r.IPs = make([]netip.Addr, 17) },
	} {
		t.Run(name, func(t *testing.T) {
			r := request()
			spoil(&r)
			line, err := gate.Encode(r)
			require.NoError(t, err)
			_, err = gate.DecodeRequest(line)
			require.ErrorContains(t, err, name)
		})
	}
	_, err := gate.DecodeRequest([]byte("{"))
	require.Error(t, err)
	_, err = gate.Encode(func() {})
	require.Error(t, err)
}

func TestAnswersAreChecked(t *testing.T) {
	_, err := gate.DecodeAnswer([]byte(`{"version":1,"verdict":"perhaps"}`))
	require.ErrorContains(t, err, "unknown verdict")
	_, err = gate.DecodeAnswer([]byte(`{"version":2,"verdict":"pass"}`))
	require.ErrorContains(t, err, "another version")
	_, err = gate.DecodeAnswer(nil)
	require.Error(t, err)
	a, err := gate.DecodeAnswer([]byte(`{"version":1,"verdict":"working"}`))
	require.NoError(t, err)
	require.False(t, a.Final())
	a, err = gate.DecodeAnswer([]byte(`{"version":1,"verdict":"enforced"}`))
	require.NoError(t, err)
	require.True(t, a.Final())
}

func TestAMarkIsReadFromAnnotations(t *testing.T) {
	require.Equal(t, gate.Mark{}, gate.MarkOf(nil), "a runtime that shows none says nothing")
	require.Equal(t, gate.Mark{}, gate.MarkOf(map[string]string{"kubernetes.io/config.source": "file"}), "a static pod was never admitted")
	require.Equal(t, gate.Mark{Shown: true}, gate.MarkOf(map[string]string{"kubernetes.io/config.source": "api"}))
	require.Equal(t, gate.Mark{Shown: true, Set: true, Guest: "pharma"}, gate.MarkOf(map[string]string{gate.AnnotationGuest: "pharma"}))
}

func TestSpacesAreListedAndFound(t *testing.T) {
	guest := func(more ...string) map[string]string {
		labels := map[string]string{apis.LabelRemoteCluster: "pharma"}
		for i := 0; i < len(more); i += 2 {
			labels[more[i]] = more[i+1]
		}
		return labels
	}
	all := []workload.Namespace{
		{Name: "pharma-space", Labels: guest()},
		{Name: "liqo-tenant-pharma", Labels: guest(apis.LabelTenantNamespace, "true")},
		{Name: "trusted", Labels: guest(apis.LabelApplyWebhook, "false")},
		{Name: "kube-system"}, {Name: "default"},
	}
	s := gate.SpacesOf(all)
	s.Written = time.Unix(1, 0).UTC()
	line, err := gate.Encode(s)
	require.NoError(t, err)
	got, err := gate.DecodeSpaces(line)
	require.NoError(t, err)
	require.Equal(t, s, got)

	require.Equal(t, gate.Space{Class: gate.Foreign, Guest: "pharma"}, got.Lookup("pharma-space"))
	require.Equal(t, gate.Space{Class: gate.OptedOut, Guest: "pharma"}, got.Lookup("trusted"))
	require.Equal(t, gate.Space{Class: gate.Ordinary}, got.Lookup("liqo-tenant-pharma"))
	require.Equal(t, gate.Space{Class: gate.Ordinary}, got.Lookup("default"))
	require.Equal(t, gate.Space{}, got.Lookup("elsewhere"))
	require.Equal(t, gate.Space{}, gate.Spaces{}.Lookup("default"))
	require.Equal(t, 5, got.Len())

	later := gate.SpacesOf(all[1:])
	require.False(t, s.Same(later))
	s.Written = time.Time{}
	require.True(t, got.Same(s), "when they were written does not matter")

	_, err = gate.DecodeSpaces([]byte("x"))
	require.Error(t, err)
	_, err = gate.DecodeSpaces([]byte(`{"version":9}`))
	require.Error(t, err)
}

func TestTheListOnTheNodeKnowsWhichGuestsAreSuspended(t *testing.T) {
	labels := map[string]string{apis.LabelRemoteCluster: "pharma"}
	active := gate.SpacesOf([]workload.Namespace{{Name: "study", Labels: labels}})
	labels = map[string]string{apis.LabelRemoteCluster: "pharma", apis.LabelSuspended: "true"}
	suspended := gate.SpacesOf([]workload.Namespace{{Name: "study", Labels: labels}, {Name: "own", Labels: map[string]string{apis.LabelSuspended: "true"}}})
	require.Equal(t, gate.Space{Class: gate.Foreign, Guest: "pharma", Suspended: true}, suspended.Lookup("study"))
	require.Equal(t, gate.Space{Class: gate.Foreign, Guest: "pharma"}, active.Lookup("study"))
	require.Equal(t, gate.Space{Class: gate.Ordinary}, suspended.Lookup("own"), "a label of no guest's namespace")
	require.False(t, active.Same(gate.SpacesOf([]workload.Namespace{{Name: "study", Labels: labels}})), "so it is written anew")

	text, err := gate.Encode(suspended)
	require.NoError(t, err)
	read, err := gate.DecodeSpaces(text)
	require.NoError(t, err)
	require.True(t, read.Same(suspended))
}
