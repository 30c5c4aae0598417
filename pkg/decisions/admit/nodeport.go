package admit

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// judgeNodePorts refuses port numbers of the nodes that a Service chooses for itself: the Hospital may use such a number on its nodes, or have published one
// that it has released. Which number a Service gets is the cluster's to choose, unless the Hospital has granted the number.
func judgeNodePorts(spec *corev1.ServiceSpec, before *corev1.Service, s Settings, path *field.Path) field.ErrorList {
	var kept []int32
	if before != nil {
		kept = append(kept, before.Spec.HealthCheckNodePort)
		for i := range before.Spec.Ports {
			kept = append(kept, before.Spec.Ports[i].NodePort)
		}
	}
	var problems field.ErrorList
	judge := func(number int32, at *field.Path) {
		if number == 0 || slices.Contains(kept, number) || slices.ContainsFunc(s.NodePorts, func(r PortRange) bool { return r.First <= number && number <= r.Last }) {
			return
		}
		problems = append(problems, field.Forbidden(at, "the port number of the nodes is the cluster's to choose, since the Hospital may use it or have published it; remove it, "+
			"or have the Hospital name it in "+s.grantedBy("workload.nodePorts", "")))
	}
	for i := range spec.Ports {
		judge(spec.Ports[i].NodePort, path.Child("ports").Index(i).Child("nodePort"))
	}
	judge(spec.HealthCheckNodePort, path.Child("healthCheckNodePort"))
	return problems
}

// portRanges leaves out what is not a range: it grants nothing.
func portRanges(texts []v1alpha1.PortRange) []PortRange {
	var list []PortRange
	for _, text := range texts {
		first, last, both := strings.Cut(string(text), "-")
		if !both {
			last = first
		}
		from, err := strconv.ParseInt(first, 10, 32)
		to, err2 := strconv.ParseInt(last, 10, 32)
		if err == nil && err2 == nil && from > 0 {
			list = append(list, PortRange{int32(from), int32(to)})
		}
	}
	return list
}
