package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/demo/story/accesslog"
	"data-space.liqo.io/demo/story/wire"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/apis"
)

// An attack is what one of the guest's pods tried, and what was seen of it from outside.
type attack struct {
	pod      corev1.Pod
	answers  []string // the probe's own lines
	wire     string   // the interface that was watched
	verdict  wire.Verdict
	toForbid int // packets of these that went to the restricted Service or its pods
	log      []accesslog.Entry
}

// containment runs the attacks once; its rows are different views of them.
type containment struct {
	world   *World
	attacks []attack
	err     error
}

// contained makes all attempts from all of the guest's pods at once, while each pod's packets are captured on the
// node's end of its veth, and reports what was not the proxy's.
func (c *containment) contained(ctx context.Context) (string, error) {
	c.attacks, c.err = c.world.attackAll(ctx)
	if c.err != nil {
		return "", c.err
	}
	lines, leaks := []string{}, []string{}
	for _, a := range c.attacks {
		lines = append(lines, fmt.Sprintf("%s: %d attempts, %d packets: TCP %d and DNS %d of the proxy's sockets, other %d",
			a.wire, len(a.answers), a.verdict.Packets, a.verdict.ProxyTCP, a.verdict.ProxyDNS,
			a.verdict.Packets-a.verdict.ProxyTCP-a.verdict.ProxyDNS))
		leaks = append(leaks, a.verdict.Leaks...)
	}
	if len(leaks) > 0 {
		return "", fmt.Errorf("%d flows left without the proxy: %s", len(leaks), tail(strings.Join(leaks, "; ")))
	}
	return strings.Join(lines, "; "), nil
}

// awake proves that the captures were not blind: they saw the proxy go to the restricted addresses, and its DNS.
func (c *containment) awake(context.Context) (string, error) {
	if c.err != nil || len(c.attacks) == 0 {
		return "", fmt.Errorf("there is no capture: %w", errors.Join(c.err))
	}
	lines := []string{}
	for _, a := range c.attacks {
		if a.toForbid == 0 || a.verdict.ProxyDNS == 0 {
			return "", fmt.Errorf("%s: %d packets to the restricted addresses, %d of DNS", a.wire, a.toForbid, a.verdict.ProxyDNS)
		}
		lines = append(lines, fmt.Sprintf("%s: %d packets to the restricted addresses, %d of DNS", a.wire, a.toForbid, a.verdict.ProxyDNS))
	}
	return strings.Join(lines, "; "), nil
}

// known compares what the attacker was answered over TCP with the proxy's log: what got somewhere was seen.
func (c *containment) known(context.Context) (string, error) {
	if c.err != nil || len(c.attacks) == 0 {
		return "", fmt.Errorf("there is no capture: %w", errors.Join(c.err))
	}
	got, seen := 0, 0
	for _, a := range c.attacks {
		got += answered(a.answers)
		seen += probed(a.log)
	}
	if seen < got {
		return "", fmt.Errorf("%d attempts were answered over TCP, the proxies' logs have %d", got, seen)
	}
	return fmt.Sprintf("%d attempts were answered, each by way of the proxy: %d lines /probe in its log", got, seen), nil
}

// answered counts the attempts that got an HTTP answer.
func answered(lines []string) int {
	n := 0
	for _, line := range lines {
		if strings.Contains(line, "\tanswered HTTP/") {
			n++
		}
	}
	return n
}

func probed(log []accesslog.Entry) int {
	n := 0
	for _, entry := range log {
		if entry.Direction == "egress" && entry.Path == "/probe" {
			n++
		}
	}
	return n
}

func (w *World) attackAll(ctx context.Context) ([]attack, error) {
	guests, err := w.guests(ctx)
	if err != nil {
		return nil, err
	}
	targets, err := w.forbidden(ctx)
	if err != nil {
		return nil, err
	}
	dns, err := w.serviceAddresses(ctx, "kube-system", "kube-dns")
	if err != nil {
		return nil, err
	}
	attacks := make([]attack, len(guests))
	group, bounded := errgroup.WithContext(ctx)
	for i, pod := range guests {
		peers := slices.Delete(slices.Clone(guests), i, i+1)
		group.Go(func() (err error) {
			attacks[i], err = w.attack(bounded, pod, peers, targets, dns)
			return err
		})
	}
	return attacks, group.Wait()
}

// forbidden are the addresses of the restricted Service and of its pods, by the probe's flags.
func (w *World) forbidden(ctx context.Context) (map[string][]netip.AddrPort, error) {
	services, err := w.serviceAddresses(ctx, restrictedSpace, "restricted")
	if err != nil {
		return nil, err
	}
	pods, err := w.pods(ctx, restrictedSpace, "app=restricted")
	if err != nil {
		return nil, err
	}
	targets := map[string][]netip.AddrPort{}
	for _, address := range services {
		targets["-service"] = append(targets["-service"], netip.AddrPortFrom(address, 80))
	}
	for _, pod := range pods {
		for _, address := range addresses(pod) {
			targets["-pod"] = append(targets["-pod"], netip.AddrPortFrom(address, 8080))
		}
	}
	return targets, nil
}

// attack watches one pod while its probe runs.
func (w *World) attack(ctx context.Context, pod corev1.Pod, peers []corev1.Pod, targets map[string][]netip.AddrPort, dns []netip.Addr) (attack, error) {
	a, since := attack{pod: pod}, time.Now().Add(-time.Second)
	proxy, err := w.proxyOwner(pod)
	if err != nil {
		return a, err
	}
	capture, err := w.watch(ctx, pod)
	if err != nil {
		return a, fmt.Errorf("watch %s: %w", pod.Name, err)
	}
	defer capture.Close()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	group := errgroup.Group{}
	group.Go(func() error { return capture.Run(watching) })
	a.answers, err = w.probe(ctx, pod, peers, targets)
	if err == nil {
		// The guest's ordinary work goes on meanwhile, and late packets get their time.
		_, err = w.resultsAt(ctx, netip.AddrPortFrom(addresses(pod)[0], 8080).String())
		time.Sleep(300 * time.Millisecond)
	}
	stop()
	if err := errors.Join(err, group.Wait()); err != nil {
		return a, fmt.Errorf("attack from %s: %w", pod.Name, err)
	}
	a.wire = pod.Spec.NodeName + " " + capture.Interface
	a.verdict = wire.Judge(capture.Packets, &capture.Owners, wire.Rules{Proxy: proxy, DNS: dns})
	a.toForbid = headedFor(capture.Packets, targets)
	a.log, err = w.accessLog(ctx, pod, since)
	return a, err
}

// proxyOwner is what the kernel knows the proxy's sockets by, found without the agent's help.
func (w *World) proxyOwner(pod corev1.Pod) (wire.Owner, error) {
	container, err := containerID(pod, apis.ProxyContainerName)
	if err != nil {
		return wire.Owner{}, err
	}
	pids, err := processes(container)
	if err != nil {
		return wire.Owner{}, err
	}
	root, err := wire.CgroupRoot()
	if err != nil {
		return wire.Owner{}, err
	}
	return wire.ProcessOwner(root, pids[0])
}

func (w *World) watch(ctx context.Context, pod corev1.Pod) (*wire.Capture, error) {
	spaces := [2]*netns.Namespace{}
	var err error
	if spaces[0], err = w.nodeNetwork(ctx, pod.Spec.NodeName); err != nil {
		return nil, err
	}
	defer spaces[0].Close() //nolint:errcheck // read-only file
	if spaces[1], err = podNetwork(pod); err != nil {
		return nil, err
	}
	defer spaces[1].Close() //nolint:errcheck // read-only file
	return wire.Open(spaces[0], spaces[1], []uint16{apis.PortIngressTCP})
}

// probe runs the hostile program in the guest's container and returns its lines.
func (w *World) probe(ctx context.Context, pod corev1.Pod, peers []corev1.Pod, targets map[string][]netip.AddrPort) ([]string, error) {
	command := []string{"pharma-app", "probe", "-uid", strconv.FormatInt(apis.ProxyUID, 10),
		"-ports", fmt.Sprintf("%d,%d,%d", apis.PortEgressTCP, apis.PortIngressTCP, apis.PortIngressHTTP)}
	for flag, list := range targets {
		command = append(command, flag, words(list))
	}
	for _, peer := range peers {
		command = append(command, "-peer", words(addresses(peer)))
	}
	text, err := w.exec(ctx, pod.Namespace, pod.Name, appContainer, command...)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSpace(text), "\n"), nil
}

func words[T fmt.Stringer](list []T) string {
	parts := make([]string, len(list))
	for i, item := range list {
		parts[i] = item.String()
	}
	return strings.Join(parts, ",")
}

// headedFor counts the packets that left the pod for one of the targets.
func headedFor(packets []wire.Packet, targets map[string][]netip.AddrPort) int {
	n := 0
	for _, packet := range packets {
		for _, list := range targets {
			if packet.Out && slices.Contains(list, packet.Dst) {
				n++
			}
		}
	}
	return n
}
