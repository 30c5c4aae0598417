package field

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/leak/attack"
	"data-space.liqo.io/test/leak/trial"
	"data-space.liqo.io/test/podcapture"
)

// program is where the attacker lies in the tenant's container.
const program = "/leak-attacker"

// Attack puts the attacker into the tenant's container of a pod, lets it try everything, and returns what was seen from the
// node's end of the pod's veth. Smuggled gives it CAP_NET_RAW besides, as if admission had failed.
func (c *Cluster) Attack(ctx context.Context, attacker string, pod corev1.Pod, smuggled bool, say func(line string)) (results []trial.Result, err error) {
	container := pod.Spec.Containers[0].Name
	pid, err := process(pod, container)
	if err != nil {
		return nil, err
	}
	if err := put(attacker, fmt.Sprintf("/proc/%d/root%s", pid, program)); err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(fmt.Sprintf("/proc/%d/root%s", pid, program)) }()
	command, means := exec.CommandContext(ctx, c.Kubectl, "exec", "-i", "-n", pod.Namespace, pod.Name, "-c", container, "--", program, "serve"),
		[]attack.Means{attack.Raw, attack.Frame, attack.Walls}
	if smuggled {
		means = means[:1]
		done, err := smuggle(ctx, pid, &command)
		if err != nil {
			return nil, err
		}
		defer done()
	}
	command.Stderr = os.Stderr
	run, capture, err := c.trial(ctx, pod, pid)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, capture.Close()) }()
	run.Means, run.Say = means, say
	if run.Attacker, err = trial.Start(command); err != nil {
		return nil, err
	}
	defer run.Attacker.Stop()
	return run.Run(ctx)
}

// put copies a program.
func put(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("the attacker: %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return fmt.Errorf("put the attacker into the container: %w", err)
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// smuggle is the command that starts the attacker in the container's namespaces and cgroup, with the runtime's default
// capabilities, CAP_NET_RAW included.
func smuggle(ctx context.Context, pid int, command **exec.Cmd) (done func(), err error) {
	root, err := podcapture.CgroupRoot()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return nil, err
	}
	_, path, _ := strings.Cut(string(text), "\n0::")
	if strings.HasPrefix(string(text), "0::") {
		path = strings.TrimPrefix(string(text), "0::")
	}
	dir, err := os.Open(filepath.Join(root, strings.TrimSpace(path)))
	if err != nil {
		return nil, fmt.Errorf("the container's cgroup: %w", err)
	}
	keep := []string{}
	for _, c := range []int{unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL, unix.CAP_SETGID, unix.CAP_SETUID,
		unix.CAP_SETPCAP, unix.CAP_NET_BIND_SERVICE, unix.CAP_NET_RAW, unix.CAP_SYS_CHROOT, unix.CAP_MKNOD, unix.CAP_AUDIT_WRITE, unix.CAP_SETFCAP} {
		keep = append(keep, fmt.Sprint(c))
	}
	*command = exec.CommandContext(ctx, "nsenter", "-t", fmt.Sprint(pid), "-n", "-m", "-p", "-i", "-u", "--", program, "-keep", strings.Join(keep, ","), "serve")
	(*command).SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	return func() { _ = dir.Close() }, nil
}

// trial opens the capture and takes aim.
func (c *Cluster) trial(ctx context.Context, pod corev1.Pod, pid int) (*trial.Trial, *podcapture.Capture, error) {
	node, err := c.nodeNetwork(ctx, pod.Spec.NodeName)
	if err != nil {
		return nil, nil, err
	}
	defer node.Close()
	space, err := netns.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return nil, nil, err
	}
	defer space.Close()
	aims, err := c.aims(ctx, pod, space)
	if err != nil {
		return nil, nil, err
	}
	proxy, err := process(pod, apis.ProxyContainerName)
	if err != nil {
		return nil, nil, err
	}
	root, err := podcapture.CgroupRoot()
	if err != nil {
		return nil, nil, err
	}
	owner, err := podcapture.ProcessOwner(root, proxy)
	if err != nil {
		return nil, nil, err
	}
	dns, err := c.resolvers(ctx, pod.Namespace)
	if err != nil {
		return nil, nil, err
	}
	capture, err := podcapture.Open(node, space, []uint16{apis.PortIngressTCP, apis.PortReady})
	if err != nil {
		return nil, nil, err
	}
	return &trial.Trial{Capture: capture, Aims: aims, Rules: podcapture.Rules{Proxies: []podcapture.Owner{owner}, DNS: dns}}, capture, nil
}

// aims are, for each family, a restricted pod of the Hospital on another node, and an open one.
func (c *Cluster) aims(ctx context.Context, pod corev1.Pod, space *netns.Namespace) ([]attack.Aim, error) {
	restricted, err := c.elsewhere(ctx, pod, "restricted-space", "app=restricted")
	if err != nil {
		return nil, err
	}
	hospital, err := c.elsewhere(ctx, pod, "hospital-space", "app=hospital")
	if err != nil {
		return nil, err
	}
	var aims []attack.Aim
	for _, v6 := range []bool{false, true} {
		own, err := address(pod, v6)
		if errors.Is(err, errNoAddress) {
			continue
		}
		far, err1 := address(restricted, v6)
		open, err2 := address(hospital, v6)
		near, err3 := gateway(space, far)
		if err := errors.Join(err, err1, err2, err3); err != nil {
			return nil, err
		}
		aims = append(aims, attack.Aim{
			Far: far, Near: near, Door: 10250, Pod: own, Open: netip.AddrPortFrom(open, 8080), Proxy: uint32(apis.ProxyUID),
			Hello: "GET /healthz HTTP/1.1\r\nHost: leak\r\n\r\n",
		})
	}
	return aims, nil
}

// elsewhere is a pod on another node, if there is one.
func (c *Cluster) elsewhere(ctx context.Context, pod corev1.Pod, namespace, selector string) (corev1.Pod, error) {
	pods, err := c.Pods(ctx, namespace, selector)
	if err != nil {
		return corev1.Pod{}, err
	}
	for _, p := range pods {
		if p.Spec.NodeName != pod.Spec.NodeName {
			return p, nil
		}
	}
	return pods[0], nil
}

// gateway is the pod's next hop on the way to an address.
func gateway(space *netns.Namespace, to netip.Addr) (netip.Addr, error) {
	var hop netip.Addr
	err := space.Do(func() error {
		routes, err := netlink.RouteGet(to.AsSlice())
		if err != nil {
			return fmt.Errorf("the route to %s: %w", to, err)
		}
		hop = to // on the link
		if len(routes) > 0 && routes[0].Gw != nil {
			hop, _ = netip.AddrFromSlice(routes[0].Gw)
			hop = hop.Unmap()
		}
		return nil
	})
	return hop, err
}
