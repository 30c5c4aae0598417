package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// repeated writes an element, followed by a comma, as often as fits into size bytes; %d in it is a number.
func repeated(element string, size int) string {
	var text strings.Builder
	for i := 0; text.Len()+len(element) < size; i++ {
		if i > 0 {
			text.WriteByte(',')
		}
		if strings.Contains(element, "%d") {
			fmt.Fprintf(&text, element, i)
		} else {
			text.WriteString(element)
		}
	}
	return text.String()
}

// giants are objects of each judged kind that consist of as many entries as fit, in the places where that costs most.
func giants(size int) map[string][]string {
	pod := []string{
		`{"tolerations":[` + repeated(`{}`, size) + `]}`,
		`{"volumes":[` + repeated(`{"hostPath":{}}`, size) + `]}`,
		`{"containers":[` + repeated(`{}`, size) + `]}`,
		`{"containers":[` + repeated(`{"name":"data-space-proxy","securityContext":{"privileged":true}}`, size) + `]}`,
		`{"initContainers":[` + repeated(`{"name":"data-space-proxy"}`, size) + `]}`,
		`{"ephemeralContainers":[` + repeated(`{}`, size) + `]}`,
		`{"containers":[{"ports":[` + repeated(`{"hostPort":1,"containerPort":13041}`, size) + `]}]}`,
		`{"containers":[{"volumeMounts":[` + repeated(`{"name":"data-space-proxy-run"}`, size) + `]}]}`,
		`{"containers":[{"env":[` + repeated(`{}`, size) + `]}]}`,
		`{"containers":[{"resources":{"limits":{` + repeated(`"a/%d":1`, size) + `}}}]}`,
		`{"containers":[{"securityContext":{"capabilities":{"add":[` + repeated(`"A%d"`, size) + `]}}}]}`,
		`{"securityContext":{"supplementalGroups":[` + repeated(`1303`, size) + `]}}`,
		`{"securityContext":{"sysctls":[` + repeated(`{"name":"%d"}`, size) + `]}}`,
		`{"runtimeClassName":"` + strings.Repeat("x", size) + `"}`,
		`{"hostAliases":[` + repeated(`{}`, size) + `],"topologySpreadConstraints":[{}]}`,
		strings.Repeat(`{"affinity":`, 4000) + "{}" + strings.Repeat("}", 4000),
	}
	metadata := []string{
		`{"annotations":{` + repeated(`"cilium.io/%d":""`, size) + `}}`,
		`{"labels":{` + repeated(`"data-space/%d":""`, size) + `}}`,
		`{"name":"` + strings.Repeat("x", size) + `"}`,
		`{"managedFields":[` + repeated(`{}`, size) + `]}`,
		`{"finalizers":[` + repeated(`""`, size) + `]}`,
	}
	all := map[string][]string{
		"/services":                   {`{"spec":{"type":"NodePort","externalIPs":[` + repeated(`""`, size) + `]}}`, `{"spec":{"type":"` + strings.Repeat("x", size) + `"}}`},
		"networking.k8s.io/ingresses": {`{"spec":{"rules":[` + repeated(`{}`, size) + `]}}`},
		"/persistentvolumeclaims":     {`{"spec":{"selector":{"matchExpressions":[` + repeated(`{}`, size) + `]}}}`},
		"/endpoints":                  {`{"subsets":[{"addresses":[` + repeated(`{"ip":""}`, size) + `]}]}`, `{"subsets":[` + repeated(`{}`, size) + `]}`},
		"discovery.k8s.io/endpointslices": {
			`{"endpoints":[` + repeated(`{}`, size) + `]}`, `{"addressType":"FQDN","endpoints":[{"addresses":[` + repeated(`"x%d"`, size) + `]}]}`,
			`{"endpoints":[{"addresses":["` + strings.Repeat("x", size) + `"]}]}`,
		},
		"/pods/exec":                        {`{"container":"data-space-proxy","command":[` + repeated(`""`, size) + `]}`},
		"/pods/attach":                      {`{"container":"` + strings.Repeat("x", size) + `"}`},
		"/pods/portforward":                 {`{"ports":[` + repeated(`13041`, size) + `]}`},
		"/configmaps":                       {`{"metadata":{"name":"data-space-envoy-config"},"data":{` + repeated(`"%d":""`, size) + `}}`},
		"networking.k8s.io/networkpolicies": {`{"spec":{"ingress":[` + repeated(`{}`, size) + `]}}`},
	}
	for _, spec := range pod {
		all["/pods"] = append(all["/pods"], `{"spec":`+spec+`}`)
		all["/pods/ephemeralcontainers"] = append(all["/pods/ephemeralcontainers"], `{"spec":`+spec+`}`)
		all[liqoGroup+"/shadowpods"] = append(all[liqoGroup+"/shadowpods"], `{"spec":{"pod":`+spec+`}}`)
	}
	for _, slice := range all["discovery.k8s.io/endpointslices"] {
		all[liqoGroup+"/shadowendpointslices"] = append(all[liqoGroup+"/shadowendpointslices"], `{"spec":{"template":`+slice+`}}`)
	}
	for thing := range all {
		for _, m := range metadata {
			all[thing] = append(all[thing], `{"metadata":`+m+`}`)
		}
	}
	return all
}

func operationOn(thing string) admissionv1.Operation {
	switch thing {
	case "/pods/exec", "/pods/attach", "/pods/portforward":
		return admissionv1.Connect
	case "/pods/ephemeralcontainers":
		return admissionv1.Update
	}
	return admissionv1.Create
}

// requireBounded asks both handlers, and asserts that the answer and the memory that it took have a bound.
func requireBounded(t *testing.T, request admission.Request) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	for _, handle := range []func(context.Context, admission.Request) admission.Response{judging().Handle, handler().Handle} {
		response := handle(t.Context(), request)
		answer, err := json.Marshal(response.AdmissionResponse)
		require.NoError(t, err)
		require.Less(t, len(answer), 128<<10)
	}
	runtime.ReadMemStats(&after)
	about := fmt.Sprintf("%s %.60s (%d bytes)", about(request), request.Object.Raw, len(request.Object.Raw))
	// Ordinary are some milliseconds and less than a megabyte; what is looked for takes minutes, or gigabytes.
	require.Less(t, time.Since(began), 30*time.Second, about)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), about)
}

func TestNoObjectTakesMoreThanABoundedWork(t *testing.T) {
	// 2 KiB is below every limit, 8 KiB around them, and 3 MiB the largest object that an API server takes.
	for _, size := range []int{2 << 10, 8 << 10, 3 << 20} {
		for thing, objects := range giants(size) {
			for _, object := range objects {
				operation := operationOn(thing)
				requireBounded(t, asked(operation, thing, object, `{}`))
				if operation == admissionv1.Create && (size < 1<<20 || thing == liqoGroup+"/shadowpods") {
					requireBounded(t, asked(admissionv1.Update, thing, object, strings.Replace(object, "{", `{"x":1,`, 1)))
					requireBounded(t, asked(admissionv1.Update, thing, `{}`, object))
				}
			}
		}
	}
}

func TestAnObjectBeyondALimitIsRefusedByItsField(t *testing.T) {
	giant := `{"metadata":{"name":"app"},"spec":{"pod":{"tolerations":[` + repeated(`{}`, 60<<10) + `]}}}`
	response := judging().Handle(t.Context(), asked(admissionv1.Create, liqoGroup+"/shadowpods", giant, ""))
	require.False(t, response.Allowed)
	require.Equal(t, "spec.pod.tolerations", response.Result.Details.Causes[0].Field)
	require.Contains(t, response.Result.Message, "the list has more than 256 entries; remove some")

	many := `{"spec":{"containers":[{"name":"a"}],"tolerations":[` + repeated(`{}`, 600) + `]}}`
	response = handler().Handle(t.Context(), creation("pharma", many))
	require.Len(t, response.Result.Details.Causes, 33)
	require.Contains(t, response.Result.Message, "more findings from here on")

	elsewhere := asked(admissionv1.Create, liqoGroup+"/shadowpods", giant, "")
	elsewhere.Namespace = "hospital"
	require.True(t, judging().Handle(t.Context(), elsewhere).Allowed)
}

func TestAGiantOfBeforeIsNotHeldUp(t *testing.T) {
	spec := `"spec":{"pod":{"hostNetwork":true,"tolerations":[` + repeated(`{}`, 60<<10) + `]}}}`
	old := `{"metadata":{"name":"app"},` + spec
	ask := func(now, before string) bool {
		return judging().Handle(t.Context(), asked(admissionv1.Update, liqoGroup+"/shadowpods", now, before)).Allowed
	}
	require.True(t, ask(`{"metadata":{"name":"app","labels":{"a":"b"},"finalizers":["x"]},`+spec, old))
	require.True(t, ask(`{"metadata":{"name":"app"},"status":{"phase":"Running"},`+spec, old))
	require.False(t, ask(`{"metadata":{"name":"app","labels":{"data-space/x":"b"}},`+spec, old))
	require.False(t, ask(`{"metadata":{"name":"app","annotations":{"a":"b"}},`+spec, old))
	require.False(t, ask(`{"metadata":{"name":7},`+spec[:len(spec)-1]+`,"more":1}`, old))
	require.False(t, ask(old, `{"metadata":{"name":"app"},"spec":{}}`))
	require.False(t, ask(`{"metadata":{"name":"app"},"spec":{"pod":{"hostNetwork":true}}}`, old), "it is judged as if it were new")
	require.True(t, ask(`{"metadata":{"name":"app"},"spec":{"pod":{}}}`, old))
}

func TestWhatTheAPIServerHasGivenUpIsNotBegun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begun := false
	_, err := bounded(ctx, func(admission.Request) (field.ErrorList, error) {
		begun = true
		return nil, nil
	}, admission.Request{})
	require.ErrorIs(t, err, errGivenUp)
	require.False(t, begun)
	response := judging().Handle(ctx, asked(admissionv1.Create, "/services", `{}`, ""))
	require.False(t, response.Allowed)
	require.Equal(t, int32(http.StatusGatewayTimeout), response.Result.Code)
}

func TestAnErrorThatQuotesTheObjectIsCut(t *testing.T) {
	object := `{"metadata":{"creationTimestamp":"` + strings.Repeat("x", 200<<10) + `"}}`
	response := judging().Handle(t.Context(), asked(admissionv1.Create, "/services", object, ""))
	require.Equal(t, int32(http.StatusBadRequest), response.Result.Code)
	require.Less(t, len(response.Result.Message), 2*maxError)
}

// TestAGiantEventIsRefusedWhereTextsAreWithheld: what a node reports is not held up.
func TestAGiantEventIsRefusedWhereTextsAreWithheld(t *testing.T) {
	w := &withholder{namespaces: handler().namespaces, output: OutputClosed, log: judging().log}
	request := asked(admissionv1.Create, "/events", `{"metadata":{"managedFields":[`+repeated(`{}`, 3<<20)+`]},"message":"x"}`, "")
	response := w.Handle(t.Context(), request)
	require.False(t, response.Allowed)
	require.Equal(t, "metadata.managedFields", response.Result.Details.Causes[0].Field)
	request.Namespace = "hospital"
	require.True(t, w.Handle(t.Context(), request).Allowed)

	request = asked(admissionv1.Update, "/pods/status", `{"status":{"podIPs":[`+repeated(`{}`, 60<<10)+`]}}`, "{}")
	request.UserInfo.Groups = []string{"system:nodes"}
	require.True(t, w.Handle(t.Context(), request).Allowed)
}
