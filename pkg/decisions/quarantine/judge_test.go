package quarantine_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/workload"
)

const node, pod, proxy, app = 1, 10, 20, 30 // inodes

// container lives as it should, but for what is edited.
func container(name string, processes uint64, edit ...func(*quarantine.Container)) quarantine.Container {
	c := quarantine.Container{ID: name, Name: name, Confinement: workload.Confinement{Bounding: quarantine.Harmless(), Net: pod, PID: processes}}
	for _, e := range edit {
		e(&c)
	}
	return c
}

func able(names ...string) func(*quarantine.Container) {
	return func(c *quarantine.Container) { c.Bounding |= workload.CapabilitySet(names...) }
}

func joins(path string) func(*quarantine.Container) {
	return func(c *quarantine.Container) { c.Joined = path }
}

func ended(c *quarantine.Container) { c.Ended, c.Net, c.PID = true, 0, 0 }

func TestJudge(t *testing.T) {
	envoy := container(apis.ProxyContainerName, proxy)
	envoy.Process = 77
	runc := workload.Runtime{Type: "io.containerd.runc.v2"}
	with := func(containers ...quarantine.Container) quarantine.Pod {
		return quarantine.Pod{Containers: append([]quarantine.Container{envoy}, containers...), Runtime: runc, Net: pod, HostPID: node}
	}
	of := func(r workload.Runtime) quarantine.Pod {
		p := with()
		p.Runtime = r
		return p
	}
	for name, test := range map[string]struct {
		pod  quarantine.Pod
		want []quarantine.Reason
		says string
	}{
		"an ordinary pod":                      {pod: with(container("app", app))},
		"NET_RAW":                              {with(container("app", app, able("NET_RAW"))), []quarantine.Reason{quarantine.Capabilities}, "container app may use NET_RAW"},
		"NET_ADMIN and others":                 {with(container("app", app, able("NET_ADMIN", "BPF"))), []quarantine.Reason{quarantine.Capabilities}, "NET_ADMIN, BPF"},
		"a capability of a newer kernel":       {with(container("app", app, func(c *quarantine.Container) { c.Bounding |= 1 << 50 })), []quarantine.Reason{quarantine.Capabilities}, "unknown"},
		"a name that nobody knows":             {with(container("app", app, able("CAP_OF_TOMORROW"))), []quarantine.Reason{quarantine.Capabilities}, "unknown"},
		"of the proxy, too":                    {quarantine.Pod{Net: pod, Containers: []quarantine.Container{container(apis.ProxyContainerName, proxy, able("NET_RAW"))}}, []quarantine.Reason{quarantine.Capabilities}, ""},
		"NET_RAW of one that has ended":        {with(container("init", 0, able("NET_RAW"), ended)), []quarantine.Reason{quarantine.Capabilities}, "NET_RAW"},
		"a container that has not started":     {pod: with(container("app", 0, func(c *quarantine.Container) { c.Net = 0 }))},
		"a container somewhere else":           {with(container("app", app, func(c *quarantine.Container) { c.Net = 11 })), []quarantine.Reason{quarantine.OtherNetwork}, "app"},
		"processes shared with the proxy":      {with(container("app", proxy)), []quarantine.Reason{quarantine.SharedProcesses}, "app shares its processes with the proxy"},
		"with a proxy that has ended":          {pod: quarantine.Pod{Net: pod, Containers: []quarantine.Container{container(apis.ProxyContainerName, 0, ended), container("app", app)}}},
		"with a proxy that has been joined":    {with(container("debug", 0, ended, joins("/proc/77/ns/pid"))), []quarantine.Reason{quarantine.SharedProcesses}, "debug shares"},
		"with another that has been joined":    {pod: with(container("debug", 0, ended, joins("/proc/78/ns/pid")))},
		"a proxy told to join the pod":         {quarantine.Pod{Net: pod, Containers: []quarantine.Container{container(apis.ProxyContainerName, proxy, joins("/proc/5/ns/pid"))}}, []quarantine.Reason{quarantine.SharedProcesses}, "the rest of the pod"},
		"shared among others":                  {pod: with(container("app", app), container("side", app))},
		"processes shared with the node":       {with(container("app", node)), []quarantine.Reason{quarantine.SharedProcesses}, "with the node"},
		"crun by containerd":                   {pod: of(workload.Runtime{Handler: "quick", Type: "io.containerd.runc.v2", Binary: "/usr/bin/crun"})},
		"another program by containerd's runc": {of(workload.Runtime{Type: "io.containerd.runc.v2", Binary: "/usr/bin/sysbox"}), []quarantine.Reason{quarantine.Runtime}, "(default) io.containerd.runc.v2 /usr/bin/sysbox"},
		"gVisor":                               {of(workload.Runtime{Handler: "gvisor", Type: "io.containerd.runsc.v1"}), []quarantine.Reason{quarantine.Runtime}, "gvisor io.containerd.runsc.v1"},
		"Kata as the default":                  {of(workload.Runtime{Type: "io.containerd.kata.v2"}), []quarantine.Reason{quarantine.Runtime}, "(default)"},
		"CRI-O's default":                      {pod: of(workload.Runtime{})},
		"CRI-O's crun":                         {pod: of(workload.Runtime{Handler: "crun"})},
		"CRI-O's kata":                         {of(workload.Runtime{Handler: "kata"}), []quarantine.Reason{quarantine.Runtime}, "kata"},
		"a handler that the Hospital knows":    {pod: of(workload.Runtime{Handler: "nvidia", Type: "io.containerd.runc.v2", Binary: "/usr/bin/nvidia-container-runtime"})},
		"a user namespace of its own":          {quarantine.Pod{Net: pod, UserNamespaced: true}, []quarantine.Reason{quarantine.UserNamespace}, "hostUsers: true"},
		"no proxy":                             {quarantine.Pod{Net: pod, ProxyMissing: true}, []quarantine.Reason{quarantine.ProxyMissing}, "create the pod again"},
		"the worst first": {quarantine.Pod{Net: pod, ProxyMissing: true, UserNamespaced: true, Containers: []quarantine.Container{container("app", app, able("SYS_ADMIN"))}},
			[]quarantine.Reason{quarantine.Capabilities, quarantine.UserNamespace, quarantine.ProxyMissing}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			found := quarantine.Judge(test.pod, quarantine.Settings{Handlers: []string{"nvidia"}})
			var reasons []quarantine.Reason
			text := ""
			for _, f := range found {
				reasons, text = append(reasons, f.Reason), text+f.Message
			}
			require.Equal(t, test.want, reasons, text)
			require.Contains(t, text, test.says)
		})
	}
}

// TestHarmlessIsWhatAdmissionLetsIn: both ask for the same.
func TestHarmlessIsWhatAdmissionLetsIn(t *testing.T) {
	for bit := range 41 {
		one := workload.Capabilities(1) << bit
		spec := &corev1.PodSpec{Containers: []corev1.Container{{Name: "app", SecurityContext: &corev1.SecurityContext{
			Capabilities: &corev1.Capabilities{Add: []corev1.Capability{corev1.Capability(one.String())}},
		}}}}
		problems := admit.Pod(&metav1.ObjectMeta{}, spec, admit.Settings{}, field.NewPath("spec"))
		require.Equal(t, one&^quarantine.Harmless() == 0, len(problems) == 0, "%s: %v", one, problems)
	}
}
