package inject

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"data-space.liqo.io/pkg/values/apis"
)

func TestAnImageReferenceIsReadAsRuntimesReadIt(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("0123456789abcdef", 4)
	for _, good := range []string{
		"envoy", "envoy:1.40", "data-spacer/envoy", "docker.io/data-spacer/envoy:dev", "localhost:5000/envoy:dev",
		"[2001:db8::1]:5000/envoy", "registry.example.com/a/b__c/d-e:V1" + digest, "envoy" + digest,
	} {
		ref, err := ParseImage(good)
		require.NoError(t, err, good)
		require.Equal(t, good, ref)
	}
	for _, bad := range []string{
		"", " envoy", "Envoy", "docker.io/Data-Spacer/envoy", "envoy:", "envoy:a b", "/envoy", "envoy/", "a//b",
		"envoy@sha256:12", "https://docker.io/envoy", "envoy:" + strings.Repeat("a", 129), "envoy\n",
	} {
		_, err := ParseImage(bad)
		require.ErrorContains(t, err, "[host[:port]/]path[:tag][@digest]", "%q", bad)
	}
}

func TestResourcesAreReadFromOneLine(t *testing.T) {
	list, err := ParseResources("cpu=50m, memory=64Mi")
	require.NoError(t, err)
	require.Equal(t, "50m", list.Cpu().String())
	require.Equal(t, "64Mi", list.Memory().String())

	list, err = ParseResources(" ")
	require.NoError(t, err)
	require.Empty(t, list)

	for text, message := range map[string]string{
		"cpu":            "is not cpu=QUANTITY",
		"gpu=1":          "is not cpu=QUANTITY",
		"cpu=1,cpu=2":    "cpu is given twice",
		"cpu=much":       "is not a quantity above zero",
		"memory=-1":      "is not a quantity above zero",
		"cpu=0":          "is not a quantity above zero",
		"cpu=1,,":        "is not cpu=QUANTITY",
		"cpu=1 memory=2": "is not a quantity above zero",
	} {
		_, err := ParseResources(text)
		require.ErrorContains(t, err, message, "%q", text)
	}
}

func TestARequestAboveItsLimitIsRefused(t *testing.T) {
	list := func(cpu string) corev1.ResourceList { return corev1.ResourceList{"cpu": resource.MustParse(cpu)} }
	require.NoError(t, CheckResources(list("1"), list("1000m")))
	require.NoError(t, CheckResources(list("1"), nil))
	require.NoError(t, CheckResources(nil, list("1")))
	require.EqualError(t, CheckResources(list("2"), list("1")),
		"the request cpu=2 is above the limit 1; lower the request or raise the limit")
}

func TestALimitWithoutARequestIsRequestedAsTheAPIServerWould(t *testing.T) {
	s := Settings{Limits: corev1.ResourceList{"cpu": resource.MustParse("1")}}
	requests := Sidecar(s).Resources.Requests
	require.Equal(t, "1", requests.Cpu().String())
}

func TestLabelsThatAreNotUnderstoodAreNamedWithTheAcceptedValues(t *testing.T) {
	require.Empty(t, LabelWarnings(nil))
	require.Empty(t, LabelWarnings(map[string]string{apis.LabelApplyWebhook: "false", apis.LabelHTTPProxy: "true"}))
	require.Equal(t, []string{
		`namespace label data-space/apply-webhook="False" is taken as true: the proxy is injected; accepted values are true and false`,
		`namespace label data-space/http-proxy="yes" is taken as false: no http_proxy is set; accepted values are true and false`,
	}, LabelWarnings(map[string]string{apis.LabelApplyWebhook: "False", apis.LabelHTTPProxy: "yes"}))
}
