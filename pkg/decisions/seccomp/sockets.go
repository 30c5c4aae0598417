package seccomp

import "slices"

// The socket families that are allowed (address_families(7)). All others can carry data past the rules, which see IP alone,
// or reach what belongs to no network namespace (vsock).
const (
	afUnix    = 1
	afInet    = 2
	afInet6   = 10
	afNetlink = 16
)

// Protocols of NETLINK that are allowed (netlink(7)): routes and addresses, which getifaddrs(3) reads; sockets, which ss(8)
// reads; devices, which libudev reads. Its software goes on without audit and the rest when they are not supported.
const (
	netlinkRoute   = 0
	netlinkSockets = 4
	netlinkDevices = 15
)

// Above the protocols that fit into an IP header the kernel has its own: SMC (256), which leaves by RDMA, and MPTCP, which is
// TCP to the rules.
const (
	firstBeyondIP = 256
	mptcp         = 262
)

// Arguments of socket(2) and socketpair(2).
const (
	family   = 0
	protocol = 2
)

// sockets are the rules about making sockets. Families and protocols that are not supported return the errors that the
// kernel returns when it does not have them: software falls back then. The conditions compare all 64 bits, the kernel looks at
// 32 of them: what has others set is refused.
func sockets() []Rule {
	rules := []Rule{call("socketpair", allow, is(family, afUnix))}
	rules = append(rules, beside("socketpair", eAFNoSupport, nil, family, afUnix)...)
	rules = append(rules, call("socket", allow, is(family, afUnix)))
	rules = append(rules, beside("socket", eAFNoSupport, nil, family, afUnix, afInet, afInet6, afNetlink)...)
	for _, f := range []uint64{afInet, afInet6} {
		rules = append(rules, call("socket", allow, is(family, f), Condition{Index: protocol, Value: firstBeyondIP, Op: Below}))
		rules = append(rules, call("socket", allow, is(family, f), is(protocol, mptcp)))
		for beyond := uint64(firstBeyondIP); beyond < mptcp; beyond++ {
			rules = append(rules, call("socket", eProtoNoSupport, is(family, f), is(protocol, beyond)))
		}
		rules = append(rules, call("socket", eProtoNoSupport, is(family, f), Condition{Index: protocol, Value: mptcp + 1, Op: AtLeast}))
	}
	for _, p := range []uint64{netlinkRoute, netlinkSockets, netlinkDevices} {
		rules = append(rules, call("socket", allow, is(family, afNetlink), is(protocol, p)))
	}
	return append(rules, beside("socket", eProtoNoSupport, []Condition{is(family, afNetlink)}, protocol, netlinkRoute, netlinkSockets, netlinkDevices)...)
}

// beside refuses all values of an argument but those that are named, in ascending order.
func beside(name string, errno uint, more []Condition, index uint, values ...uint64) []Rule {
	var rules []Rule
	next := uint64(0)
	for _, v := range values {
		for ; next < v; next++ {
			rules = append(rules, call(name, errno, append(slices.Clone(more), is(index, next))...))
		}
		next = v + 1
	}
	return append(rules, call(name, errno, append(slices.Clone(more), Condition{Index: index, Value: next, Op: AtLeast})...))
}

// allow stands for no error.
const allow = 0

// call is a rule about one call: it is allowed, or returns an error.
func call(name string, errno uint, conditions ...Condition) Rule {
	r := Rule{Names: []string{name}, Action: Allow, Args: conditions}
	if errno != allow {
		r.Action, r.ErrnoRet = Errno, &errno
	}
	return r
}

func is(index uint, value uint64) Condition { return Condition{Index: index, Value: value, Op: Equal} }
