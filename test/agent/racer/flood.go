package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/values/apis"
)

// burst is how many packets each sender tries to send without a pause.
const burst = 50

// flood sends to the addresses in every way that takes no capability, as root and as the proxy's user, and never ends.
func flood(pace time.Duration, addresses []string) error {
	if os.Geteuid() == 0 {
		other := exec.Command("/proc/self/exe", os.Args[1:]...)
		other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(apis.ProxyUID), Gid: uint32(apis.ProxyUID)}}
		if err := other.Start(); err != nil {
			return fmt.Errorf("become the proxy's user: %w", err)
		}
	}
	for _, a := range addresses {
		to, err := netip.ParseAddr(a)
		if err != nil {
			return err
		}
		for _, send := range senders(to) {
			go func() {
				for i := 0; ; i++ {
					send()
					if i >= burst {
						time.Sleep(pace)
					}
				}
			}()
		}
	}
	select {}
}

// senders are ways to send one packet. What comes of it is for the capture on the wire to say.
func senders(to netip.Addr) []func() {
	var all []func()
	for _, device := range []string{"", "eth0"} {
		dialer := net.Dialer{Timeout: 30 * time.Millisecond, Control: func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) { _ = unix.BindToDevice(int(fd), device) })
		}}
		for _, port := range []uint16{53, 443} {
			all = append(all, datagrams(dialer, netip.AddrPortFrom(to, port).String()))
		}
		all = append(all, func() {
			if c, err := dialer.Dial("tcp", netip.AddrPortFrom(to, 80).String()); err == nil {
				_, _ = c.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
				_ = c.Close()
			}
		})
	}
	return append(all, echo(to))
}

// datagrams sends through one socket for as long as it can be made once: it is there before the rules are.
func datagrams(d net.Dialer, to string) func() {
	var c net.Conn
	return func() {
		if c == nil {
			c, _ = d.Dial("udp", to)
		}
		if c != nil {
			_, _ = c.Write([]byte("secret"))
		}
	}
}

// echo is ping's socket, which takes no capability.
func echo(to netip.Addr) func() {
	family, protocol, request := unix.AF_INET, unix.IPPROTO_ICMP, byte(8)
	var at unix.Sockaddr
	if to.Is4() {
		at = &unix.SockaddrInet4{Addr: to.As4()}
	} else {
		family, protocol, request = unix.AF_INET6, unix.IPPROTO_ICMPV6, 128
		at = &unix.SockaddrInet6{Addr: to.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, protocol)
	return func() {
		if err == nil {
			_ = unix.Sendto(fd, append([]byte{request, 0, 0, 0, 0, 0, 0, 1}, "secret"...), 0, at)
		}
	}
}
