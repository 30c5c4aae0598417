package attack

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/values/apis"
)

// proxies are the proxy's own ports and what else belongs to it.
func proxies() []Probe {
	var all []Probe
	for _, port := range []uint16{apis.PortEgressTCP, apis.PortIngressTCP} {
		all = append(all, Probe{fmt.Sprintf("port %d of the proxy, called on loopback", port), None, func(a Aim) error {
			return direct(a, netip.AddrPortFrom(a.loopback(), port))
		}}, Probe{fmt.Sprintf("port %d of the proxy, called on the pod's address", port), None, func(a Aim) error {
			return direct(a, netip.AddrPortFrom(a.Pod, port))
		}})
	}
	for _, port := range []uint16{apis.PortEgressTCP, apis.PortIngressTCP} {
		all = append(all, Probe{fmt.Sprintf("port %d of another pod's proxy", port), None, func(a Aim) error {
			return ask(a, a.far(port), request("/"), "HTTP/")
		}})
	}
	targets := []named[func(a Aim) string]{
		{"loopback", func(a Aim) string { return netip.AddrPortFrom(a.loopback(), 8080).String() }},
		{"localhost", func(Aim) string { return "localhost:8080" }},
		{"another loopback address", func(Aim) string { return "127.9.9.9:8080" }},
		{"loopback as IPv6", func(Aim) string { return "[::ffff:127.0.0.1]:8080" }},
		{"loopback as a number", func(Aim) string { return "2130706433:8080" }},
		{"loopback in hexadecimal", func(Aim) string { return "0x7f.1:8080" }},
		{"no address", func(a Aim) string { return netip.AddrPortFrom(anywhere(a), 8080).String() }},
	}
	for _, port := range []uint16{apis.PortEgressTCP, apis.PortEgressHTTP, apis.PortIngressTCP, apis.PortReady} {
		targets = append(targets, named[func(a Aim) string]{
			fmt.Sprintf("the pod's own port %d", port), func(a Aim) string { return netip.AddrPortFrom(a.Pod, port).String() },
		}, named[func(a Aim) string]{
			fmt.Sprintf("loopback's port %d", port), func(a Aim) string { return netip.AddrPortFrom(a.loopback(), port).String() },
		})
	}
	for _, method := range []string{"GET", "CONNECT"} {
		all = append(all, each(None, "the explicit proxy, asked by "+method+" for %s", targets, func(a Aim, to func(a Aim) string) error {
			uri := to(a)
			if method == "GET" {
				uri = "http://" + uri + "/"
			}
			return ask(a, netip.AddrPortFrom(a.loopback(), apis.PortEgressHTTP), method+" "+uri+" HTTP/1.1\r\nHost: "+to(a)+"\r\n\r\n", "HTTP/1.1 200")
		})...)
	}
	all = append(all, Probe{"taking the proxy's sockets out of its process", Walls, steal})
	return append(all, each(None, "%s", []named[func(a Aim) error]{
		{"the proxy's name server, called directly, is a name server only", resolver},
		{"hot-restart sockets and other sockets of the proxy", abstract},
		{"the proxy's admin socket", admin},
		{"taking a port of the proxy by a more specific address", specific},
	}, func(a Aim, f func(a Aim) error) error { return f(a) })...)
}

func request(path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: leak\r\nConnection: close\r\n\r\n"
}

// direct calls a port of the proxy itself: nothing may answer.
func direct(a Aim, to netip.AddrPort) error { return ask(a, to, request("/"), "") }

// ask sends a request; an answer that begins as forbidden says, is one that must not be.
func ask(_ Aim, to netip.AddrPort, text, forbidden string) error {
	c, err := net.DialTimeout("tcp", to.String(), 2*patience)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(3 * patience)); err != nil {
		return err
	}
	if _, err := c.Write([]byte(text)); err != nil {
		return err
	}
	b := make([]byte, 256)
	n, err := c.Read(b)
	if n > 0 && strings.HasPrefix(string(b[:n]), forbidden) {
		return reached{fmt.Sprintf("%s answered %.40q", to, b[:n])}
	}
	return errors.Join(fmt.Errorf("answered %.30q", b[:n]), err)
}

// resolver sends no question to the proxy's UDP port: it can only go where all questions go.
func resolver(a Aim) error {
	return datagramLike(a, unix.SOCK_DGRAM, func(fd int) error {
		return unix.Sendto(fd, []byte(question("direct.leak.example", 16)), 0, sockaddr(netip.AddrPortFrom(a.loopback(), apis.PortDNS)))
	})
}

// abstract looks for sockets of the proxy without a path: those belong to the network namespace that it shares with us.
func abstract(Aim) error {
	table, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) == 8 && strings.HasPrefix(fields[7], "@") {
			return reached{"the abstract socket " + fields[7]}
		}
	}
	return errors.New("there is none")
}

// admin tries the path that the proxy has it at.
func admin(Aim) error {
	c, err := net.DialTimeout("unix", apis.ProxyAdminSocket, patience)
	if err != nil {
		return err
	}
	defer c.Close()
	return reached{"the admin socket"}
}

// steal looks for the proxy's process: as root with its user, a process can take another's files (pidfd_getfd(2)).
func steal(a Aim) error {
	var failed error
	for pid := 1; pid < 400; pid++ {
		var st unix.Stat_t
		if unix.Stat(fmt.Sprintf("/proc/%d", pid), &st) != nil || st.Uid != a.Proxy {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			failed = err
			continue
		}
		for n := range 64 {
			stolen, err := unix.PidfdGetfd(fd, n, 0)
			if err == nil {
				_ = unix.Close(stolen)
				return reached{fmt.Sprintf("file %d of process %d", n, pid)}
			}
			failed = err
		}
		_ = unix.Close(fd)
	}
	return errors.Join(failed, errors.New("no process of the proxy gave a socket"))
}

// specific listens on the pod's address where the proxy listens on all: the more specific listener would get the calls.
func specific(a Aim) error {
	var failed error
	for _, port := range []uint16{apis.PortIngressTCP, apis.PortReady} {
		err := datagramLike(a, unix.SOCK_STREAM, func(fd int) error {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			return errors.Join(bind(fd, netip.AddrPortFrom(a.Pod, port)), unix.Listen(fd, 1))
		})
		if err == nil {
			return reached{fmt.Sprintf("listens on port %d", port)}
		}
		failed = errors.Join(failed, err)
	}
	return failed
}
