// Package scenarios restates the connectivity specs of Kubernetes' own NetworkPolicy end-to-end tests (v1.36) as truth
// tables. Each has nine pods, a to c in the namespaces x, y and z, and every pod calls every other.
package scenarios

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"data-space.liqo.io/test/netpol/worlds"
)

// Scenario is one spec.
type Scenario struct {
	Name  string
	Steps []Step
}

// Step changes the cluster and says who reaches whom then.
type Step struct {
	// Do is a list of changes, one a line: "NAMESPACE/NAME: SPEC" writes a policy whose spec is YAML in one line;
	// "NAMESPACE/NAME gone" deletes one; "pod x/b pod=b pod2=updated" and "namespace y ns2=updated" set labels.
	// $(y/b) is that pod's address as a prefix of its own; $(x/a)/4 a wide prefix around it.
	Do string
	// Tables are the truth tables, one a line: "tcp/80: x/* > y/a no, x/b > y/a yes". What is not named is reached; later
	// words win; a pod's calls to itself are not looked at.
	Tables string
}

// Table is who reaches whom with one protocol on one port.
type Table struct {
	Protocol corev1.Protocol
	Port     int32
	reach    [9][9]bool
}

// Reached reports whether pod number from reaches pod number to.
func (t Table) Reached(from, to int) bool { return t.reach[from][to] }

// Names are the pods, by number: pod i has the addresses of slot i.
func Names() []string {
	var out []string
	for _, ns := range []string{"x", "y", "z"} {
		for _, pod := range []string{"a", "b", "c"} {
			out = append(out, ns+"/"+pod)
		}
	}
	return out
}

// Start is the cluster before the first step.
func Start() []worlds.Event {
	var out []worlds.Event
	for _, ns := range []string{"x", "y", "z"} {
		out = append(out, Namespace(ns, nil))
	}
	for _, name := range Names() {
		out = append(out, Pod(name, nil))
	}
	return out
}

// Namespace is the namespace with more labels.
func Namespace(name string, labels map[string]string) worlds.Event {
	all := map[string]string{"kubernetes.io/metadata.name": name}
	for k, v := range labels {
		all[k] = v
	}
	return worlds.Event{Namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: all}}}
}

// Pod is the pod with these labels, or its own.
func Pod(name string, labels map[string]string) worlds.Event {
	ns, pod, _ := strings.Cut(name, "/")
	if labels == nil {
		labels = map[string]string{"pod": pod}
	}
	var ports []corev1.ContainerPort
	for _, port := range []int32{80, 81} {
		for _, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP} {
			ports = append(ports, corev1.ContainerPort{
				Name: fmt.Sprintf("serve-%d-%s", port, strings.ToLower(string(protocol))), ContainerPort: port, Protocol: protocol})
		}
	}
	slot := number(name)
	return worlds.Event{Pod: &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: pod, UID: types.UID(name), Labels: labels},
		Spec:       corev1.PodSpec{NodeName: worlds.Node, Containers: []corev1.Container{{Ports: ports}}},
		Status: corev1.PodStatus{PodIPs: []corev1.PodIP{
			{IP: worlds.Address4(slot).String()}, {IP: worlds.Address6(slot).String()}}},
	}}
}

func number(name string) int {
	for i, n := range Names() {
		if n == name {
			return i
		}
	}
	return -1
}

// Events are the changes of the step; v6 chooses the family of the addresses in it.
func (s Step) Events(v6 bool) ([]worlds.Event, error) {
	var out []worlds.Event
	for line := range strings.Lines(addresses(s.Do, v6)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		e, err := event(line)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		out = append(out, e)
	}
	return out, nil
}

func event(line string) (worlds.Event, error) {
	words := strings.Fields(line)
	switch words[0] {
	case "pod":
		return Pod(words[1], labels(words[2:])), nil
	case "namespace":
		return Namespace(words[1], labels(words[2:])), nil
	}
	key, spec, _ := strings.Cut(line, " ")
	ns, name, _ := strings.Cut(strings.TrimSuffix(key, ":"), "/")
	p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	if spec == "gone" {
		return worlds.Event{Policy: p, Gone: true}, nil
	}
	if err := yaml.UnmarshalStrict([]byte("{"+spec+"}"), &p.Spec); err != nil {
		return worlds.Event{}, err
	}
	return worlds.Event{Policy: p}, nil
}

func labels(words []string) map[string]string {
	out := map[string]string{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		out[k] = v
	}
	return out
}

// addresses replaces $(POD) by its address.
func addresses(text string, v6 bool) string {
	for i, name := range Names() {
		address := worlds.Address4(i)
		if v6 {
			address = worlds.Address6(i)
		}
		wide := netip.PrefixFrom(address, 4).Masked().String()
		text = strings.ReplaceAll(text, "$("+name+")/4", wide)
		text = strings.ReplaceAll(text, "$("+name+")", netip.PrefixFrom(address, address.BitLen()).String())
	}
	return text
}

// Truth reads the step's tables.
func (s Step) Truth() ([]Table, error) {
	var out []Table
	for line := range strings.Lines(s.Tables) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		t, err := table(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		out = append(out, t)
	}
	return out, nil
}

func table(line string) (Table, error) {
	what, rules, ok := strings.Cut(line, ":")
	if !ok {
		return Table{}, fmt.Errorf("want PROTOCOL/PORT: RULES")
	}
	var t Table
	protocol, port, _ := strings.Cut(what, "/")
	if _, err := fmt.Sscan(port, &t.Port); err != nil {
		return t, err
	}
	t.Protocol = corev1.Protocol(strings.ToUpper(protocol))
	for from := range t.reach {
		for to := range t.reach[from] {
			t.reach[from][to] = true
		}
	}
	for rule := range strings.SplitSeq(rules, ",") {
		if err := t.rule(strings.Fields(rule)); err != nil {
			return t, err
		}
	}
	return t, nil
}

// rule sets what "FROM > TO yes|no" says.
func (t *Table) rule(words []string) error {
	if len(words) == 0 {
		return nil
	}
	if len(words) != 4 || words[1] != ">" || words[3] != "yes" && words[3] != "no" {
		return fmt.Errorf("rule %q: want FROM > TO yes|no", words)
	}
	for from, a := range Names() {
		for to, b := range Names() {
			if matches(words[0], a) && matches(words[2], b) {
				t.reach[from][to] = words[3] == "yes"
			}
		}
	}
	return nil
}

// matches: "*" is everybody, "x/*" a namespace.
func matches(pattern, name string) bool {
	if ns, all := strings.CutSuffix(pattern, "/*"); all {
		return strings.HasPrefix(name, ns+"/")
	}
	return pattern == "*" || pattern == name
}
