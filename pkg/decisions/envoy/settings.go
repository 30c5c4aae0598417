package envoy

import (
	"net/netip"
	"path"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Bounds and defaults of Settings.
const (
	DefaultProtocolDetection = 300 * time.Millisecond
	DefaultMaxConnections    = 1024

	minProtocolDetection = 10 * time.Millisecond
	maxProtocolDetection = 30 * time.Second
	maxMaxConnections    = 1 << 20
	maxClusterDNS        = 8
	maxServerFirstPorts  = 64
)

// Settings is all that distinguishes the proxy of one foreign namespace from that of another.
type Settings struct {
	// GuestID is the guest's cluster id, the value of the namespace's label. It is logged; it may be empty.
	GuestID string
	// Namespace is the foreign namespace's name. It is logged.
	Namespace string
	// ClusterDNS are the addresses that answer every DNS query of the pods, whatever server they name.
	// Queries are spread over them, so each must be reachable from the pods.
	ClusterDNS []netip.Addr
	// IPv6 adds the listeners on ::1 and ::. It needs a kernel with IPv6; interfaces may have it turned off.
	IPv6 bool
	// ProtocolDetection is how long a connection may stay silent before it is taken for a protocol in which the server
	// speaks first. Those protocols are delayed by this much, as is a first message of less than five bytes; plain HTTP
	// that starts later is logged as TCP only. A client that ends its side (FIN) before the protocol is known is
	// disconnected, which Envoy offers no way to change; the agent's rules hold the end back for 0.4 s.
	ProtocolDetection time.Duration
	// ServerFirstPorts are the destination ports, in both directions, whose connections are passed on at once and logged as TCP,
	// whatever their first bytes are: there servers speak first, and would wait for ProtocolDetection. nil: DefaultServerFirstPorts.
	ServerFirstPorts []uint16
	// MaxConnections bounds the clients' connections that are open at one time at each of the transparent and explicit listeners. All listeners
	// together may have spareConnections more.
	MaxConnections uint32
	// OpaquePorts are destinations whose connections pass as bytes, whatever they carry: not a byte is changed, nothing is waited for, and the
	// record holds connections instead of requests.
	OpaquePorts []uint16
	// Reader is the file of the module that reads along while all connections pass as bytes. Empty: Envoy parses HTTP.
	Reader string
}

// DefaultServerFirstPorts are FTP, SSH, Telnet, SMTP (and submission), POP3, NNTP, IMAP, MySQL, Sieve and VNC.
func DefaultServerFirstPorts() []uint16 {
	return []uint16{21, 22, 23, 25, 110, 119, 143, 587, 2525, 3306, 4190, 5900}
}

// Default returns s with every field that has a default and is zero set to that default.
func (s Settings) Default() Settings {
	if s.ProtocolDetection == 0 {
		s.ProtocolDetection = DefaultProtocolDetection
	}
	if s.ServerFirstPorts == nil {
		s.ServerFirstPorts = DefaultServerFirstPorts()
	}
	if s.MaxConnections == 0 {
		s.MaxConnections = DefaultMaxConnections
	}
	return s
}

// Validate returns everything that is wrong with s, each with its path below at and the way out.
func (s Settings) Validate(at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, problem := range validation.IsValidLabelValue(s.GuestID) {
		errs = append(errs, field.Invalid(at.Child("guestID"), s.GuestID, problem))
	}
	for _, problem := range validation.IsDNS1123Label(s.Namespace) {
		errs = append(errs, field.Invalid(at.Child("namespace"), s.Namespace, problem))
	}
	if s.ProtocolDetection < minProtocolDetection || s.ProtocolDetection > maxProtocolDetection {
		errs = append(errs, field.Invalid(at.Child("protocolDetection"), s.ProtocolDetection.String(),
			"choose a duration from "+minProtocolDetection.String()+" to "+maxProtocolDetection.String()))
	}
	if s.MaxConnections == 0 || s.MaxConnections > maxMaxConnections {
		errs = append(errs, field.Invalid(at.Child("maxConnections"), s.MaxConnections, "choose a number from 1 to 1048576"))
	}
	if len(s.ServerFirstPorts) > maxServerFirstPorts {
		errs = append(errs, field.TooMany(at.Child("serverFirstPorts"), len(s.ServerFirstPorts), maxServerFirstPorts))
	}
	if slices.Contains(s.ServerFirstPorts, 0) {
		errs = append(errs, field.Invalid(at.Child("serverFirstPorts"), 0, "choose numbers from 1 to 65535"))
	}
	if s.Reader != "" && !path.IsAbs(s.Reader) {
		errs = append(errs, field.Invalid(at.Child("reader"), s.Reader, "choose the absolute path of a file"))
	}
	errs = append(errs, s.validateOpaquePorts(at.Child("opaquePorts"))...)
	return append(errs, s.validateDNS(at.Child("clusterDNS"))...)
}

func (s Settings) validateDNS(at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(s.ClusterDNS) == 0 {
		errs = append(errs, field.Required(at, "name at least one address of the cluster's DNS service"))
	}
	if len(s.ClusterDNS) > maxClusterDNS {
		errs = append(errs, field.TooMany(at, len(s.ClusterDNS), maxClusterDNS))
	}
	seen := map[netip.Addr]bool{}
	for i, addr := range s.ClusterDNS {
		switch {
		case !usableResolver(addr):
			errs = append(errs, field.Invalid(at.Index(i), addr.String(), "must be a unicast address without a zone that is not loopback"))
		case addr.Is6() && !s.IPv6:
			errs = append(errs, field.Invalid(at.Index(i), addr.String(), "is IPv6, which is turned off: leave it out or turn IPv6 on"))
		case seen[addr]:
			errs = append(errs, field.Duplicate(at.Index(i), addr.String()))
		}
		seen[addr] = true
	}
	return errs
}

// usableResolver refuses loopback, because inside a pod that is the pod itself, and IPv4 written as IPv6.
func usableResolver(addr netip.Addr) bool {
	return addr.IsValid() && !addr.IsUnspecified() && !addr.IsLoopback() && !addr.IsMulticast() && !addr.Is4In6() && addr.Zone() == ""
}
