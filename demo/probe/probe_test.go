package probe

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlanTriesEveryProtocolOnEveryTarget(t *testing.T) {
	targets, err := parse([]string{"-service", "192.0.2.1:80,[2001:db8::1]:80", "-pod", "192.0.2.9:8080",
		"-peer", "192.0.2.7", "-ports", "13031,13041"})
	require.NoError(t, err)
	seen := map[string][]string{}
	forged := func(uint32, string) method { return nil }
	for _, attempt := range plan(targets, methods(), forged) {
		seen[attempt.Name] = append(seen[attempt.Name], attempt.Target)
	}
	require.Equal(t, map[string][]string{
		"tcp":                 {"192.0.2.1:80", "[2001:db8::1]:80", "192.0.2.9:8080"},
		"tcp as uid 1303":     {"192.0.2.1:80", "[2001:db8::1]:80", "192.0.2.9:8080"},
		"tcp with SO_MARK":    {"192.0.2.9:8080"},
		"tcp bound to eth0":   {"192.0.2.9:8080"},
		"udp":                 {"192.0.2.9:8080"},
		"udp as uid 1303":     {"192.0.2.9:8080"},
		"dns":                 {"192.0.2.9:53"},
		"dns as uid 1303":     {"192.0.2.9:53"},
		"ping":                {"192.0.2.9"},
		"ping as uid 1303":    {"192.0.2.9"},
		"raw icmp":            {"192.0.2.9"},
		"tcp to own proxy":    {"127.0.0.1:13031", "[::1]:13031", "127.0.0.1:13041", "[::1]:13041"},
		"tcp to peer's proxy": {"192.0.2.7:13031", "192.0.2.7:13041"},
	}, seen)
}

func TestBadArgumentsAreNamed(t *testing.T) {
	for _, args := range [][]string{{"-service", "nowhere"}, {"-ports", "70000"}, {"stray"}, {"try", "magic", "x"}, {"send", "nowhere"}} {
		require.Error(t, Run(context.Background(), args, &strings.Builder{}), args)
	}
}

func TestTCPReportsTheFirstLine(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, _ = conn.Write([]byte("HTTP/1.1 418 teapot\r\n\r\n"))
			_ = conn.Close()
		}
	}()
	out := &strings.Builder{}
	require.NoError(t, Run(context.Background(), []string{"try", "tcp", listener.Addr().String()}, out))
	require.Contains(t, out.String(), "answered HTTP/1.1 418 teapot")
}

func TestUDPSaysWhenNothingComesBack(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer conn.Close()
	require.Equal(t, "no answer", udp(context.Background(), conn.LocalAddr().String(), question()))
}

func TestEchoRequestChecksum(t *testing.T) {
	packet, sum := echoRequest(false), uint32(0)
	for i := 0; i < len(packet); i += 2 {
		sum += uint32(packet[i])<<8 | uint32(packet[i+1])
	}
	require.Equal(t, uint32(0xffff), sum&0xffff+sum>>16)
}

func TestAnswersStayOnOneLine(t *testing.T) {
	require.Equal(t, "a b", oneLine("a\r\n\tb"))
	require.Len(t, []rune(oneLine(strings.Repeat("x", 500))), 161)
}
