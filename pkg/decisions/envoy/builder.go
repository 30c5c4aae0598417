package envoy

import (
	"errors"
	"net/netip"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"data-space.liqo.io/pkg/values/apis"
)

const (
	// idleLimit ends what nobody has used for a day, as the kernel's connection tracking does under kube-proxy.
	idleLimit = 24 * time.Hour
	// logInterval is how often a connection or stream that stays open is logged.
	logInterval = 10 * time.Minute
	// connectLimit is how long the proxy tries to reach a destination.
	connectLimit = 10 * time.Second
	// bufferLimit bounds, in bytes, what the proxy holds for one connection and direction before it stops reading.
	bufferLimit = 64 << 10
	// streamLimit is how many requests one HTTP/2 connection may have open at one time. It is what servers allow by default (100 to
	// 256), so that theirs is met first: beyond it the proxy opens another connection to the server. It is not unlimited, because one
	// read of a connection can begin so many requests, of 60 KiB of headers and as much of trailers each, before memory is measured again.
	streamLimit = 256
	// datagramLimit is the largest DNS message over UDP, in bytes, that resolvers announce in practice (RFC 6891).
	datagramLimit = 4096
	// spareConnections are for probes and the admin socket, and for the other directions of a listener that is full.
	spareConnections = 64
	// portDNS is where every resolver listens.
	portDNS uint16 = 53
)

// ownPorts are the ports that end at the proxy itself: nothing may be sent there through it.
func ownPorts() []uint16 {
	return append(apis.ProxyPorts(), apis.PortDNS)
}

// builder carries the settings through the assembly and keeps the first error, so that the parts read as plain data.
type builder struct {
	settings Settings
	err      error
}

func (b *builder) any(message proto.Message) *anypb.Any {
	packed, err := anypb.New(message)
	b.err = errors.Join(b.err, err)
	return packed
}

func (b *builder) extension(name string, message proto.Message) *corev3.TypedExtensionConfig {
	return &corev3.TypedExtensionConfig{Name: name, TypedConfig: b.any(message)}
}

func socket(protocol corev3.SocketAddress_Protocol, addr netip.Addr, port uint16) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Protocol:      protocol,
		Address:       addr.String(),
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)},
		// Only meaningful on ::, where it also takes IPv4.
		Ipv4Compat: addr == netip.IPv6Unspecified(),
	}}}
}

func loopbackV4() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

func u32(v uint32) *wrapperspb.UInt32Value          { return wrapperspb.UInt32(v) }
func u64(v uint64) *wrapperspb.UInt64Value          { return wrapperspb.UInt64(v) }
func no() *wrapperspb.BoolValue                     { return wrapperspb.Bool(false) }
func yes() *wrapperspb.BoolValue                    { return wrapperspb.Bool(true) }
func duration(d time.Duration) *durationpb.Duration { return durationpb.New(d) }
