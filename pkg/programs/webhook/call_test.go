package webhook

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// appPod is a pod as the API server sends it: with defaults, a token's volume and the fields that it keeps account of.
const appPod = `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"pod-1","namespace":"pharma","uid":"4b5c8e0c-4a0e-4b0e-8a2e-0e6b7f0b7a11",
"creationTimestamp":"2026-01-01T00:00:00Z","labels":{"app.kubernetes.io/name":"study"},"managedFields":[{"manager":"webhook.test","operation":"Update",
"apiVersion":"v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{".":{},"f:app.kubernetes.io/name":{}}},
"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{".":{},"f:args":{},"f:env":{".":{},"k:{\"name\":\"HOSPITAL\"}":{".":{},"f:name":{},"f:value":{}},
"k:{\"name\":\"LEVEL\"}":{".":{},"f:name":{},"f:value":{}}},"f:image":{},"f:imagePullPolicy":{},"f:name":{},"f:ports":{".":{},
"k:{\"containerPort\":8080,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{},"f:protocol":{}}},"f:readinessProbe":{".":{},"f:failureThreshold":{},
"f:httpGet":{".":{},"f:path":{},"f:port":{},"f:scheme":{}},"f:periodSeconds":{},"f:successThreshold":{},"f:timeoutSeconds":{}},"f:resources":{".":{},
"f:requests":{".":{},"f:cpu":{}}},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{},"f:volumeMounts":{".":{},
"k:{\"mountPath\":\"/results\"}":{".":{},"f:mountPath":{},"f:name":{}}}}},"f:dnsPolicy":{},"f:enableServiceLinks":{},"f:restartPolicy":{},"f:schedulerName":{},
"f:securityContext":{},"f:terminationGracePeriodSeconds":{},"f:volumes":{".":{},"k:{\"name\":\"results\"}":{".":{},"f:emptyDir":{},"f:name":{}}}}}}]},
"spec":{"volumes":[{"name":"results","emptyDir":{}},{"name":"kube-api-access-x7x2k","projected":{"sources":[{"serviceAccountToken":{"expirationSeconds":3607,
"path":"token"}},{"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt","path":"ca.crt"}]}},{"downwardAPI":{"items":[{"path":"namespace",
"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.namespace"}}]}}],"defaultMode":420}}],"containers":[{"name":"app","image":"pharma-app:dev",
"args":["--study","17"],"ports":[{"containerPort":8080,"protocol":"TCP"}],"env":[{"name":"HOSPITAL","value":"http://hospital.hospital-space/patients"},
{"name":"LEVEL","value":"info"}],"resources":{"requests":{"cpu":"100m"}},"volumeMounts":[{"name":"results","mountPath":"/results"},
{"name":"kube-api-access-x7x2k","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}],"readinessProbe":{"httpGet":{"path":"/ready",
"port":8080,"scheme":"HTTP"},"timeoutSeconds":1,"periodSeconds":10,"successThreshold":1,"failureThreshold":3},"terminationMessagePath":"/dev/termination-log",
"terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst",
"serviceAccountName":"default","serviceAccount":"default","securityContext":{},"schedulerName":"default-scheduler","tolerations":[{
"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},{"key":"node.kubernetes.io/unreachable",
"operator":"Exists","effect":"NoExecute","tolerationSeconds":300}],"priority":0,"enableServiceLinks":true,"preemptionPolicy":"PreemptLowerPriority"},"status":{}}`

// BenchmarkCall is what the webhook's own work for one call takes, without the connection.
func BenchmarkCall(b *testing.B) {
	body := fullReview(b)
	fair := newFair(func(context.Context, string) string { return "pharma" }, shares(), slog.New(slog.DiscardHandler))
	for name, handler := range map[string]admission.Handler{"inject": handler(), "judge": judging()} {
		served := fair.inFrontOf(newReviews(handler, judging().log))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				post := httptest.NewRequest(http.MethodPost, "/?timeout=5s", bytes.NewReader(body))
				post.Header.Set("Content-Type", "application/json")
				served.ServeHTTP(httptest.NewRecorder(), post)
			}
		})
	}
}
