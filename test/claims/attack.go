package claims

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
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/podcapture"
)

// An attack is what one pod tried, and what was seen of it from outside.
type attack struct {
	pod      corev1.Pod
	answers  []string // the probe's own lines
	where    string   // the node and the interface that was watched
	verdict  podcapture.Verdict
	aimed    []podcapture.Packet // those that left for one of the targets
	expected []string            // kinds of packets that reach the targets from an unguarded pod
}

// A field says where the attacks aim and what may leave.
type field struct {
	services, pods []netip.AddrPort // forbidden to the guest
	dns            []netip.Addr
}

// attackAll makes all attempts from all of the guest's pods, and from a pod without a guard, at once.
func (w *World) attackAll(ctx context.Context) (attacks []attack, control attack, err error) {
	guests, err := w.guests(ctx)
	if err != nil {
		return nil, attack{}, err
	}
	aims, err := w.field(ctx)
	if err != nil {
		return nil, attack{}, err
	}
	loose, err := w.unguarded(ctx, guests[0].Spec.Containers[0].Image)
	if err != nil {
		return nil, attack{}, err
	}
	defer func() { err = errors.Join(err, w.removePod(context.WithoutCancel(ctx), loose.Namespace, loose.Name)) }()
	attacks = make([]attack, len(guests))
	group, bounded := errgroup.WithContext(ctx)
	for i, pod := range guests {
		peers := slices.Delete(slices.Clone(guests), i, i+1)
		group.Go(func() (err error) {
			proxy, err := proxyOwner(pod)
			if err != nil {
				return err
			}
			attacks[i], err = w.attack(bounded, pod, peers, aims, proxy)
			return err
		})
	}
	group.Go(func() (err error) {
		none := podcapture.Owner{UID: uint32(apis.ProxyUID)}
		control, err = w.attack(bounded, loose, guests, aims, none)
		return err
	})
	return attacks, control, group.Wait()
}

// field finds the addresses of the restricted Service and of its pods, and of the guests' resolver.
func (w *World) field(ctx context.Context) (field, error) {
	aims := field{}
	services, err := w.serviceAddresses(ctx, restrictedSpace, "restricted")
	if err != nil {
		return aims, err
	}
	pods, err := w.pods(ctx, restrictedSpace, "app=restricted")
	if err != nil {
		return aims, err
	}
	for _, address := range services {
		aims.services = append(aims.services, netip.AddrPortFrom(address, 80))
	}
	for _, pod := range pods {
		for _, address := range addresses(pod) {
			aims.pods = append(aims.pods, netip.AddrPortFrom(address, 8080))
		}
	}
	aims.dns, err = w.serviceAddresses(ctx, apis.SystemNamespace, apis.ResolverName)
	return aims, err
}

// unguarded starts a pod with the guest's program in a namespace of the Hospital.
func (w *World) unguarded(ctx context.Context, image string) (corev1.Pod, error) {
	return w.startPod(ctx, barePod(hospitalSpace, "unguarded", image))
}

// attack watches one pod while its probe runs, and while the pod does its ordinary work.
func (w *World) attack(ctx context.Context, pod corev1.Pod, peers []corev1.Pod, aims field, proxy podcapture.Owner) (attack, error) {
	a := attack{pod: pod, expected: aims.kinds()}
	capture, err := w.watch(ctx, pod)
	if err != nil {
		return a, fmt.Errorf("watch %s: %w", pod.Name, err)
	}
	defer capture.Close()
	err = during(ctx, capture, func() (err error) {
		if a.answers, err = w.probe(ctx, pod, peers, aims); err != nil {
			return err
		}
		_, err = w.resultsAt(ctx, netip.AddrPortFrom(addresses(pod)[0], 8080).String())
		return err
	})
	if err != nil {
		return a, fmt.Errorf("attack from %s: %w", pod.Name, err)
	}
	a.where = pod.Spec.NodeName + " " + capture.Interface
	a.verdict = podcapture.Judge(capture.Packets, &capture.Owners, podcapture.Rules{Proxies: []podcapture.Owner{proxy}, DNS: aims.dns})
	a.aimed = aims.aimed(capture.Packets)
	return a, nil
}

// during runs do while the capture runs, and a little longer: late packets get their time.
func during(ctx context.Context, capture *podcapture.Capture, do func() error) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	group := errgroup.Group{}
	group.Go(func() error { return capture.Run(watching) })
	err := do()
	time.Sleep(300 * time.Millisecond)
	stop()
	return errors.Join(err, group.Wait())
}

// proxyOwner is what the kernel knows the proxy's sockets by, found without the agent's help.
func proxyOwner(pod corev1.Pod) (podcapture.Owner, error) {
	container, err := containerID(pod, apis.ProxyContainerName)
	if err != nil {
		return podcapture.Owner{}, err
	}
	pids, err := Processes(container)
	if err != nil {
		return podcapture.Owner{}, err
	}
	root, err := podcapture.CgroupRoot()
	if err != nil {
		return podcapture.Owner{}, err
	}
	return podcapture.ProcessOwner(root, pids[0])
}

func (w *World) watch(ctx context.Context, pod corev1.Pod) (*podcapture.Capture, error) {
	spaces := [2]*netns.Namespace{}
	var err error
	if spaces[0], err = w.nodeNetwork(ctx, pod.Spec.NodeName); err != nil {
		return nil, err
	}
	defer spaces[0].Close()
	if spaces[1], err = PodNetwork(pod); err != nil {
		return nil, err
	}
	defer spaces[1].Close()
	return podcapture.Open(spaces[0], spaces[1], []uint16{apis.PortIngressTCP})
}

// probe runs the hostile program in the pod's container and returns its lines.
func (w *World) probe(ctx context.Context, pod corev1.Pod, peers []corev1.Pod, aims field) ([]string, error) {
	command := []string{"pharma-app", "probe", "-uid", strconv.FormatInt(apis.ProxyUID, 10),
		"-ports", fmt.Sprintf("%d,%d", apis.PortEgressTCP, apis.PortIngressTCP),
		"-service", words(aims.services), "-pod", words(aims.pods)}
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

// aimed picks the packets that left for a forbidden address, whatever their protocol.
func (f field) aimed(packets []podcapture.Packet) []podcapture.Packet {
	found := []podcapture.Packet{}
	for _, packet := range packets {
		forbidden := func(target netip.AddrPort) bool { return target.Addr() == packet.Dst.Addr() }
		if packet.Out && (slices.ContainsFunc(f.services, forbidden) || slices.ContainsFunc(f.pods, forbidden)) {
			found = append(found, packet)
		}
	}
	return found
}

// kinds are the kinds of packets that the probe sends to the forbidden pods.
func (f field) kinds() []string {
	packets := []podcapture.Packet{}
	for _, pod := range f.pods {
		icmp := uint8(unix.IPPROTO_ICMP)
		if pod.Addr().Is6() {
			icmp = unix.IPPROTO_ICMPV6
		}
		for _, protocol := range []uint8{unix.IPPROTO_TCP, unix.IPPROTO_UDP, icmp} {
			packets = append(packets, podcapture.Packet{Protocol: protocol, Dst: pod})
		}
	}
	return kinds(packets)
}

// kinds sorts packets by protocol and family: "ICMP IPv4", "TCP IPv6", ….
func kinds(packets []podcapture.Packet) []string {
	found := []string{}
	for _, packet := range packets {
		name := map[uint8]string{unix.IPPROTO_TCP: "TCP", unix.IPPROTO_UDP: "UDP", unix.IPPROTO_ICMP: "ICMP",
			unix.IPPROTO_ICMPV6: "ICMP"}[packet.Protocol]
		family := " IPv4"
		if packet.Dst.Addr().Is6() {
			family = " IPv6"
		}
		found = append(found, name+family)
	}
	slices.Sort(found)
	return slices.Compact(found)
}
