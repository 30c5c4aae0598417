package resolver

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// Ports on which the resolver's pods answer the kubelet and Prometheus.
const (
	portHealth  = 8080
	portReady   = 8181
	portMetrics = 9153
)

// logFormat is one line a query. The name comes last, since it may hold anything; CoreDNS escapes what does not print.
const logFormat = "pod={/kubernetes/client-namespace}/{/kubernetes/client-pod-name} client={remote} proto={proto} opcode={>opcode} " +
	"class={class} type={type} rcode={rcode} name={name}"

// burstSeconds is how many seconds' worth of questions a client may ask at once after a rest: programs that start ask many.
const burstSeconds = 10

// Corefile returns the resolver's configuration; the same settings give the same text. An error holds every problem of the
// settings. The order of lines means nothing to CoreDNS; the order in which it asks is compiled into our build of it:
// the cluster, then the names of each guest, then the listed domains, then the "no such name" of the template.
func Corefile(s Settings) (string, error) {
	if errs := s.Validate(nil); len(errs) > 0 {
		return "", fmt.Errorf("settings of the resolver: %w", errs.ToAggregate())
	}
	var b strings.Builder
	fmt.Fprintf(&b, `.:53 {
    errors
    metadata
    limit %d %d
    log . %q
    strict
    health :%d {
        lameduck 5s
    }
    ready :%d
    prometheus :%d
    reload 10s
    bufsize 1232
    loadbalance
    kubernetes %s {
        pods verified
        ttl 5
    }
    names %s/%s
`, s.QueriesPerSecond, burstSeconds*s.QueriesPerSecond, logFormat, portHealth, portReady, portMetrics, strings.Join(s.zones(), " "), apis.SystemNamespace, apis.NamesConfigMapName)
	for _, domain := range s.Forward {
		fmt.Fprintf(&b, "    forward %s %s\n", domain.Name, servers(domain))
	}
	fmt.Fprintf(&b, "    template %[1]s %[1]s . {\n        rcode NXDOMAIN\n    }\n}\n", "ANY") // each class, each type
	return b.String(), nil
}

func servers(domain Domain) string {
	if len(domain.Servers) == 0 {
		return "/etc/resolv.conf" // the kubelet writes the cluster's DNS there
	}
	var words []string
	for _, server := range domain.Servers {
		words = append(words, server.String())
	}
	return strings.Join(words, " ")
}

// ConfigMap is the wanted object that the resolver's pods mount.
func ConfigMap(s Settings) (*corev1.ConfigMap, error) {
	corefile, err := Corefile(s)
	if err != nil {
		return nil, err
	}
	return &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{
			Name: apis.ResolverName, Namespace: apis.SystemNamespace,
			Labels: map[string]string{apis.LabelManagedBy: apis.ControllerName},
		},
		Data: map[string]string{apis.ResolverConfigKey: corefile},
	}, nil
}
