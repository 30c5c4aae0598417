//go:build kernel

package netpol

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/netpolicy"
	"data-space.liqo.io/test/netpol/worlds"
)

// size is how big a cluster is.
type size struct{ namespaces, local, remote, policies int }

// bar is the size that the project's speeds are promised at.
var bar = size{namespaces: 40, local: 110, remote: 4000, policies: 1000}

const apps = 10

// pod is pod i; the first of them are local.
func (s size) pod(i int, app int) netpolicy.Pod {
	ip4, ip6 := netip.AddrFrom4([4]byte{10, 128, byte(i >> 8), byte(i)}), netip.MustParseAddr("2001:db8:8::").As16()
	ip6[14], ip6[15] = byte(i>>8), byte(i)
	p := netpolicy.Pod{
		Key:  netpolicy.Key{Namespace: fmt.Sprintf("ns%d", i%s.namespaces), Name: fmt.Sprintf("pod%d", i)},
		Node: "elsewhere", IPs: []netip.Addr{ip4, netip.AddrFrom16(ip6)},
		Labels: map[string]string{"app": fmt.Sprintf("app%d", app), "tier": fmt.Sprint(i % 3)},
		Ports:  []netpolicy.NamedPort{{Name: "http", Protocol: netpolicy.TCP, Number: 8080}},
	}
	if i < s.local {
		p.Node = worlds.Node
	}
	return p
}

func (s size) app(i int) int { return i / s.namespaces % apps }

// policy is policy i: who calls and whom an application of its namespace calls.
func (s size) policy(tb testing.TB, i, variant int) netpolicy.Policy {
	tb.Helper()
	ns, app := i%s.namespaces, i/s.namespaces%apps
	text := fmt.Sprintf(`
podSelector: {matchLabels: {app: app%d}}
policyTypes: [Ingress, Egress]
ingress:
- from: [{podSelector: {matchLabels: {app: app%d}}}, {namespaceSelector: {matchLabels: {team: "%d"}}, podSelector: {matchLabels: {tier: "1"}}}]
  ports: [{port: http}, {port: %d}]
egress:
- to: [{podSelector: {matchLabels: {app: app%d}}}]
  ports: [{port: 8080}]
- to: [{namespaceSelector: {matchLabels: {team: "0"}}}]
  ports: [{port: 53, protocol: UDP}, {port: 53}]
- to: [{ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.%d/32]}}]`,
		app, (app+1+i/(s.namespaces*apps))%apps, ns%7, 9000+variant, (app+2)%apps, i%250)
	p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("ns%d", ns), Name: fmt.Sprintf("policy%d", i)}}
	require.NoError(tb, yaml.Unmarshal([]byte(text), &p.Spec))
	out, problems := netpolicy.PolicyOf(p)
	require.Empty(tb, problems)
	return out
}

func (s size) changes(tb testing.TB) []netpol.Change {
	tb.Helper()
	var out []netpol.Change
	for i := range s.namespaces {
		out = append(out, netpol.NamespaceSeen{Namespace: netpolicy.Namespace{Name: fmt.Sprintf("ns%d", i), Labels: map[string]string{"team": fmt.Sprint(i % 7)}}})
	}
	for i := range s.local + s.remote {
		out = append(out, netpol.PodSeen{Pod: s.pod(i, s.app(i))})
	}
	for i := range s.policies {
		out = append(out, netpol.PolicySeen{Policy: s.policy(tb, i, 0)})
	}
	return out
}

// event is what is measured: change number i.
type event struct {
	name   string
	change func(t testing.TB, s size, i int) netpol.Change
}

func benchmarked() []event {
	return []event{
		{"relabel-any", func(_ testing.TB, s size, i int) netpol.Change {
			n := i * 37 % (s.local + s.remote)
			return netpol.PodSeen{Pod: s.pod(n, (s.app(n)+1+i)%apps)}
		}},
		{"relabel-remote", func(_ testing.TB, s size, i int) netpol.Change {
			n := s.local + i*37%s.remote
			return netpol.PodSeen{Pod: s.pod(n, (s.app(n)+1+i)%apps)}
		}},
		{"relabel-local", func(_ testing.TB, s size, i int) netpol.Change {
			n := i * 7 % s.local
			return netpol.PodSeen{Pod: s.pod(n, (s.app(n)+1+i+i/s.local)%apps)}
		}},
		{"policy", func(tb testing.TB, s size, i int) netpol.Change {
			tb.Helper()
			return netpol.PolicySeen{Policy: s.policy(tb, i*41%s.policies, 1+i)}
		}},
		{"local-restart", func(_ testing.TB, s size, i int) netpol.Change {
			if i%2 == 0 {
				return netpol.PodGone{Key: s.pod(i/2%s.local, 0).Key}
			}
			return netpol.PodSeen{Pod: s.pod(i/2%s.local, s.app(i/2%s.local))}
		}},
	}
}

// BenchmarkColdStart measures how long it takes from a known cluster to an enforced one, on a node that holds nothing, and
// what the process holds then.
func BenchmarkColdStart(b *testing.B) {
	for _, backend := range backends() {
		b.Run(string(backend), func(b *testing.B) {
			all := bar.changes(b)
			var times []time.Duration
			var holds string
			for range min(b.N, 5) {
				filter := nodefilter.New(scratch(b), backend)
				x := netpol.New(netpol.Settings{Node: worlds.Node, IPv6: true})
				began := time.Now()
				x.Apply(all...)
				_, err := filter.Converge(b.Context(), x.State())
				require.NoError(b, err)
				times = append(times, time.Since(began))
				b.ReportMetric(float64(memory()), "resident-MiB")
				holds = counted(x)
			}
			b.Log(holds)
			p50, _ := percentiles(times)
			b.ReportMetric(ms(p50), "p50-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkEvents measures how long it takes from a change in the cluster to its enforcement, against the bare commands
// that a change needs at least.
func BenchmarkEvents(b *testing.B) {
	for _, backend := range backends() {
		b.Run(string(backend), func(b *testing.B) {
			node := scratch(b)
			filter := nodefilter.New(node, backend)
			x := netpol.New(netpol.Settings{Node: worlds.Node, IPv6: true})
			x.Apply(bar.changes(b)...)
			_, err := filter.Converge(b.Context(), x.State())
			require.NoError(b, err)
			floor := floors(b, node, backend)
			for _, e := range benchmarked() {
				serial := 0 // no change twice, however often the benchmark is begun anew
				b.Run(e.name, func(b *testing.B) {
					var times []time.Duration
					deltas := [2]int{}
					for range b.N {
						change := e.change(b, bar, serial)
						serial++
						began := time.Now()
						d := x.Apply(change)
						require.NoError(b, filter.Apply(context.Background(), d))
						times = append(times, time.Since(began))
						if len(d.Chains) > 0 {
							deltas[1]++
						} else if !d.Empty() {
							deltas[0]++
						}
					}
					p50, p99 := percentiles(times)
					b.ReportMetric(ms(p50), "p50-ms")
					b.ReportMetric(ms(p99), "p99-ms")
					b.ReportMetric(0, "ns/op")
					b.Logf("%s: p50 %.1f ms, p99 %.1f ms; %d changed sets only, %d chains too; floor: set %.1f ms, chain %.1f ms", e.name, ms(p50), ms(p99), deltas[0], deltas[1], ms(floor[0]), ms(floor[1]))
				})
			}
		})
	}
}

// BenchmarkBatches measures what a batch of relabels costs until it is enforced: in steps, and all at once.
func BenchmarkBatches(b *testing.B) {
	for _, backend := range backends() {
		for _, local := range []int{110, 250} {
			s := bar
			s.local = local
			for _, which := range []string{"relabel-any", "relabel-local"} {
				b.Run(fmt.Sprintf("%s/%d local/%s", backend, local, which), func(b *testing.B) { benchmarkBatches(b, backend, s, which) })
			}
		}
	}
}

func benchmarkBatches(b *testing.B, backend xtables.Backend, s size, which string) {
	b.Helper()
	filter := nodefilter.New(scratch(b), backend)
	x := netpol.New(netpol.Settings{Node: worlds.Node, IPv6: true})
	x.Apply(s.changes(b)...)
	_, err := filter.Converge(b.Context(), x.State())
	require.NoError(b, err)
	all := benchmarked()
	event := all[slices.IndexFunc(all, func(e event) bool { return e.name == which })]
	serial := 0
	for _, count := range []int{1, 2, 5, 20, 100} {
		var times, spent [2][]time.Duration
		for range max(b.N, 6) {
			for way := range times {
				batch := make([]netpol.Change, count)
				for i := range batch {
					batch[i] = event.change(b, s, serial)
					serial++
				}
				began, cpu := time.Now(), spentCPU()
				if way == 0 {
					err = filter.Apply(b.Context(), x.Steps(batch...)...)
				} else {
					err = filter.Apply(b.Context(), x.Apply(batch...))
				}
				require.NoError(b, err)
				times[way] = append(times[way], time.Since(began))
				spent[way] = append(spent[way], spentCPU()-cpu)
			}
		}
		steps, _ := percentiles(times[0])
		once, _ := percentiles(times[1])
		stepsCPU, _ := percentiles(spent[0])
		onceCPU, _ := percentiles(spent[1])
		b.Logf("%s, %d local pods, %s: a batch of %d takes %.1f ms (%.1f ms of a core) in steps, %.1f ms (%.1f ms) all at once",
			backend, s.local, which, count, ms(steps), ms(stepsCPU), ms(once), ms(onceCPU))
		b.ReportMetric(ms(steps), fmt.Sprintf("batch%d-ms", count))
		b.ReportMetric(ms(stepsCPU), fmt.Sprintf("batch%d-cpu-ms", count))
	}
	b.ReportMetric(0, "ns/op")
}

// spentCPU is the processor time of this process and of the programs that it ran.
func spentCPU() time.Duration {
	var total time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		_ = unix.Getrusage(who, &u)
		total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return total
}

// BenchmarkIndex measures the decision alone: what it costs must not grow with what does not concern the node.
func BenchmarkIndex(b *testing.B) {
	for _, c := range []struct {
		name string
		size size
	}{
		{"bar", bar},
		{"10x remote pods", size{namespaces: 400, local: 110, remote: 40000, policies: 1000}},
		{"10x namespaces and policies", size{namespaces: 400, local: 110, remote: 4000, policies: 10000}},
	} {
		for _, e := range benchmarked() {
			b.Run(c.name+"/"+e.name, func(b *testing.B) {
				x := netpol.New(netpol.Settings{Node: worlds.Node, IPv6: true})
				x.Apply(c.size.changes(b)...)
				changes := make([]netpol.Change, b.N)
				for i := range changes {
					changes[i] = e.change(b, c.size, i)
				}
				b.ResetTimer()
				for _, change := range changes {
					x.Apply(change)
				}
			})
		}
	}
}

// BenchmarkMemory states what the index of a large cluster holds.
func BenchmarkMemory(b *testing.B) {
	for _, s := range []size{bar, {namespaces: 5000, local: 110, remote: 100000, policies: 10000}} {
		b.Run(fmt.Sprintf("%d pods", s.local+s.remote), func(b *testing.B) {
			before := heap()
			x := netpol.New(netpol.Settings{Node: worlds.Node, IPv6: true})
			changes := s.changes(b)
			began := time.Now()
			x.Apply(changes...)
			b.ReportMetric(float64(time.Since(began).Milliseconds()), "apply-ms")
			b.ReportMetric(float64(heap()-before)/(1<<20), "heap-MiB")
			runtime.KeepAlive(x)
		})
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkNewConnections opens TCP connections between two pods, on a node with the bar's policies and on one with none
// in turn.
func BenchmarkNewConnections(b *testing.B) {
	for _, backend := range backends() {
		b.Run(string(backend), func(b *testing.B) {
			var clusters [2]*cluster
			for i := range clusters {
				clusters[i] = newCluster(b, backend, false, netpol.Settings{})
				clusters[i].serve(clusters[i].pods["x/a"])
			}
			clusters[1].index.Apply(bar.changes(b)...)
			clusters[1].index.Apply(judgedPods(b)...)
			clusters[1].converge()
			b.ResetTimer()
			var times [2][]time.Duration
			for n := range max(b.N, 300) {
				for i := range clusters {
					i = (i + n) % 2
					times[i] = append(times[i], clusters[i].connect1(b))
				}
			}
			none, _ := percentiles(times[0])
			many, _ := percentiles(times[1])
			b.ReportMetric(float64(none.Nanoseconds())/1000, "none-us")
			b.ReportMetric(float64(many.Nanoseconds())/1000, "policies-us")
			b.ReportMetric(float64(many)/float64(none), "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// connect1 is how long a TCP connection from x/b to x/a takes to be open.
func (c *cluster) connect1(tb testing.TB) time.Duration {
	tb.Helper()
	began := time.Now()
	conn, err := dial(c.pods["x/b"], c.address("x/a"), 80, patient)
	took := time.Since(began)
	require.NoError(tb, err)
	require.NoError(tb, conn.(*net.TCPConn).SetLinger(0))
	require.NoError(tb, conn.Close())
	return took
}

// floors are the medians of the least that a change can cost: one member of a set, and one chain of ten rules, both with
// the node's table as it is.
func floors(b *testing.B, node *netns.Namespace, backend xtables.Backend) [2]time.Duration {
	b.Helper()
	var out [2]time.Duration
	scripts := [2]func(i int) (string, []string){
		func(i int) (string, []string) {
			verb := []string{"add", "del"}[i%2]
			return fmt.Sprintf("%s ds-np-known4 192.0.2.1\n", verb), []string{"ipset", "-exist", "restore"}
		},
		func(int) (string, []string) {
			var s strings.Builder
			s.WriteString("*filter\n:BENCH-FLOOR - [0:0]\n")
			for n := range 10 {
				fmt.Fprintf(&s, "-A BENCH-FLOOR -p tcp -m set --match-set ds-np-known4 src -m tcp --dport %d -j RETURN\n", n+1)
			}
			s.WriteString("COMMIT\n")
			return s.String(), []string{"iptables-" + string(backend) + "-restore", "--noflush"}
		},
	}
	for which, script := range scripts {
		var times []time.Duration
		for i := range 30 {
			input, command := script(i)
			began := time.Now()
			runIn(b, node, input, command...)
			times = append(times, time.Since(began))
		}
		out[which], _ = percentiles(times)
	}
	runIn(b, node, "*filter\n:BENCH-FLOOR - [0:0]\n-X BENCH-FLOOR\nCOMMIT\n", "iptables-"+string(backend)+"-restore", "--noflush")
	return out
}

func percentiles(times []time.Duration) (p50, p99 time.Duration) {
	times = slices.Clone(times)
	slices.Sort(times)
	return times[len(times)/2], times[len(times)*99/100]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func counted(x *netpol.Index) string {
	s := x.State()[0]
	rules := 0
	for _, c := range s.Chains {
		rules += len(c.Rules)
	}
	return fmt.Sprintf("IPv4: %d chains, %d rules, %d sets", len(s.Chains), rules, len(s.Sets))
}

// memory is what the process has resident.
func memory() int {
	runtime.GC()
	text, _ := os.ReadFile("/proc/self/statm")
	var size, resident int
	_, _ = fmt.Sscan(string(text), &size, &resident)
	return resident * os.Getpagesize() >> 20
}

// judgedPods are policies about x/a and x/b: nine that do not allow the one to call the other, then one that does.
func judgedPods(tb testing.TB) []netpol.Change {
	tb.Helper()
	var changes []netpol.Change
	for i := range 10 {
		who := fmt.Sprintf("nobody%d", i)
		if i == 9 {
			who = ""
		}
		p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: fmt.Sprintf("policy%d", i)}}
		peer := fmt.Sprintf(`[{podSelector: {matchExpressions: [{key: %q, operator: DoesNotExist}, {key: pod, operator: Exists}]}}]`, "not"+who)
		if who != "" {
			peer = fmt.Sprintf(`[{podSelector: {matchLabels: {pod: %s}}}]`, who)
		}
		text := fmt.Sprintf(`{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: %s, ports: [{port: 80}]}], egress: [{to: %s}]}`, peer, peer)
		require.NoError(tb, yaml.Unmarshal([]byte(text), &p.Spec))
		policy, problems := netpolicy.PolicyOf(p)
		require.Empty(tb, problems)
		changes = append(changes, netpol.PolicySeen{Policy: policy})
	}
	return changes
}
