package oracle_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"data-space.liqo.io/pkg/decisions/leastpriv"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/netpol/oracle"
)

// cluster is pods, of which each has a policy of its own if its namespace is on, and Services.
type cluster struct {
	world  leastpriv.World
	oracle oracle.World
}

func newCluster(namespaces map[string]map[string]string) *cluster {
	c := &cluster{
		world: leastpriv.World{Settings: leastpriv.DefaultSettings(), Namespaces: map[string]leastpriv.Namespace{}},
	}
	for name, labels := range namespaces {
		mode, _ := leastpriv.Switch{Mode: leastpriv.Enforce}.Of(name, labels)
		c.world.Namespaces[name] = leastpriv.Namespace{Labels: labels, Mode: mode}
		all := map[string]string{corev1.LabelMetadataName: name}
		for k, v := range labels {
			all[k] = v
		}
		c.oracle.Namespaces = append(c.oracle.Namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: all}})
	}
	return c
}

// pod makes one with the port 8080, called web, and variables. It is labelled app=NAME.
func (c *cluster) pod(namespace, name string, labels map[string]string, variables ...string) netip.Addr {
	all := map[string]string{"app": name, apis.LabelManagedBy: "helm"}
	for k, v := range labels {
		all[k] = v
	}
	addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(len(c.oracle.Pods) + 1)})
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: all},
		Spec:       corev1.PodSpec{NodeName: "n", Containers: []corev1.Container{{Name: "c", Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: 8080}}}}},
		Status:     corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: addr.String()}}},
	}
	for i, v := range variables {
		pod.Spec.Containers[0].Env = append(pod.Spec.Containers[0].Env, corev1.EnvVar{Name: fmt.Sprint("V", i), Value: v})
	}
	c.oracle.Pods = append(c.oracle.Pods, pod)
	return addr
}

// serve makes a Service of port 80 that leads to the port called web.
func (c *cluster) serve(namespace, name string) {
	c.world.Services = append(c.world.Services, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.ServiceSpec{Selector: map[string]string{"app": name}, Ports: []corev1.ServicePort{
			{Port: 80, TargetPort: intstr.FromString("web"), Protocol: corev1.ProtocolTCP},
		}},
	})
}

func (c *cluster) decide() {
	for _, pod := range c.oracle.Pods {
		if p, ok := leastpriv.PodOf(pod); ok {
			c.world.Pods = append(c.world.Pods, p)
		}
		if t, ok := leastpriv.TemplateOf(pod); ok && c.world.Namespaces[pod.Namespace].Mode != leastpriv.Off {
			c.world.Workloads = append(c.world.Workloads, t.Workload(leastpriv.FindAll(pod.Spec, pod.Namespace, "cluster.local", nil)))
		}
	}
	c.oracle.Policies = leastpriv.Policies(c.world).Policies
}

// The policies mean what they should: an evaluator that knows nothing of workloads decides over packets.
func TestWhatAWorkloadNamesIsReachedAndItsNeighbourIsNot(t *testing.T) {
	on := map[string]string{apis.LabelWorkloadNetpol: "true"}
	allow := map[string]string{apis.LabelWorkloadNetpol: "true", apis.LabelNetpolAllow: "true"}
	guest := map[string]string{apis.LabelWorkloadNetpol: "true", apis.LabelRemoteCluster: "pharma"}
	mark := map[string]string{apis.LabelNetpolAllow: "true"}
	c := newCluster(map[string]map[string]string{"shop": on, "data": on, "off": nil, "hospital": allow, "study": guest, "kube-system": nil, "edge": nil})
	web := c.pod("shop", "web", nil, "http://db.data", "http://plain.off:80", "http://hospital-db.hospital")
	other := c.pod("shop", "other", nil)
	db, neighbour := c.pod("data", "db", nil), c.pod("data", "neighbour", nil)
	plain, plainToo := c.pod("off", "plain", nil, "http://db.data"), c.pod("off", "plain-too", nil)
	hospital := c.pod("hospital", "hospital-db", nil)
	study := c.pod("study", "study", mark, "http://hospital-db.hospital", "http://db.data")
	dns := c.pod("kube-system", "dns", map[string]string{"k8s-app": "kube-dns"})
	edge := c.pod("edge", "edge", map[string]string{apis.LabelName: "traefik"})
	liar := c.pod("study", "liar", map[string]string{apis.LabelName: "traefik"})
	for _, s := range [][2]string{{"data", "db"}, {"data", "neighbour"}, {"off", "plain"}, {"hospital", "hospital-db"}} {
		c.serve(s[0], s[1])
	}
	reached := func(from, to netip.Addr, port int32) bool {
		return c.oracle.Allowed("n", oracle.Packet{From: from, To: to, Protocol: corev1.ProtocolTCP, Port: port})
	}
	for _, to := range []netip.Addr{db, neighbour, plain, hospital} {
		require.True(t, reached(web, to, 8080), "the premise: without policies everything is reached")
	}
	c.decide()
	for _, row := range []struct {
		what     string
		from, to netip.Addr
		port     int32
		want     bool
	}{
		{"what it names", web, db, 8080, true},
		{"another port there", web, db, 5432, false},
		{"the neighbour of what it names", web, neighbour, 8080, false},
		{"what it names in a namespace that is off", web, plain, 8080, true},
		{"the neighbour there", web, plainToo, 8080, false},
		{"a pod that shares a label of Helm's", web, other, 8080, false},
		{"what another names", other, db, 8080, false},
		{"the way back", db, web, 8080, false},
		{"DNS", web, dns, 53, true},
		{"another port of DNS' pods", web, dns, 8080, false},
		{"from a namespace that is off, what it names", plain, db, 8080, false},
		{"from an ingress controller", edge, db, 8080, true},
		{"from a guest that calls itself one", liar, db, 8080, false},
		{"from a guest, what the Hospital allows", study, hospital, 8080, true},
		{"from a guest, what it only names", study, db, 8080, false},
		{"from a guest that names nothing, what the Hospital allows", liar, hospital, 8080, false},
	} {
		require.Equal(t, row.want, reached(row.from, row.to, row.port), row.what)
	}
}
