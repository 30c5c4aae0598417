package apiproxy

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/effects/upstream"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// A guest's changes wait for each other and for their bodies, as long as the guest likes.
func TestAGrantThatIsWithdrawnHoldsForChangesThatWait(t *testing.T) {
	grant := &v1alpha1.GuestPolicy{Spec: v1alpha1.GuestPolicySpec{Visibility: &v1alpha1.Visibility{Nodes: []v1alpha1.VisibleObjects{{
		Names: []v1alpha1.VisibleName{"n"}, Operations: []v1alpha1.VisibleOperation{v1alpha1.OperationList, v1alpha1.OperationUpdate, v1alpha1.OperationDelete},
	}}}}}
	grant.Name = "g"
	for verb, method := range map[string]string{"patch": http.MethodPatch, "delete": http.MethodDelete} {
		for _, withdrawn := range []bool{false, true} {
			guests := &sources{changed: func() {}, namespaces: map[types.UID]space{}, count: map[string]int{}, policies: map[string]v1alpha1.GuestPolicy{}}
			guests.note(grant, false)
			made := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet && r.Header.Get("Audit-Id") != "an-id" {
					t.Errorf("%s %s has the audit id %q", r.Method, r.URL, r.Header.Get("Audit-Id"))
				}
				w.Header().Set("Content-Type", "application/json")
				const object = `{"metadata":{"name":"n","uid":"u","resourceVersion":"7"}}`
				switch {
				case r.Method == http.MethodGet:
					fmt.Fprintf(w, `{"items":[%s]}`, object)
					if withdrawn && method == http.MethodDelete {
						guests.note(grant, true)
					}
					return
				case r.URL.Query().Get("dryRun") == "" && r.Header.Get("Impersonate-User") == "":
					made++
				case withdrawn:
					guests.note(grant, true)
				}
				fmt.Fprint(w, object)
			}))
			to, err := upstream.New(&rest.Config{Host: server.URL})
			require.NoError(t, err)
			p := &proxy{server: to, guests: guests, writes: newLines(mostWrites), log: slog.New(slog.DiscardHandler)}
			request := window.Request{Method: method, Verb: verb, Resource: true, Kind: schema.GroupResource{Resource: "nodes"}, Version: "v1", Name: "n", Query: url.Values{}}
			now, _ := guests.Guests()
			verdict, err := now.Decide([]string{"g"}, request)
			require.NoError(t, err)
			require.Equal(t, window.Write, verdict.Action)
			planned := &plan{id: "an-id", ids: []string{"g"}, request: request, verdict: verdict, holds: p.holds(window.Caller{User: "alice", Groups: []string{"g"}}, []string{"g"}, request, verdict)}

			r := httptest.NewRequest(method, "/api/v1/nodes/n", strings.NewReader(`{}`))
			r.Header.Set("Content-Type", "application/merge-patch+json")
			answer := httptest.NewRecorder()
			err = p.write(answer, r, planned)
			server.Close()
			if withdrawn {
				require.ErrorContains(t, err, "what the caller may change has changed", verb)
				require.Zero(t, made, "%s: made without a grant", verb)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, 1, made, verb)
		}
	}
}
