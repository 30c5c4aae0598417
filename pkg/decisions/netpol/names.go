package netpol

import (
	"crypto/sha256"
	"encoding/base32"
	"net/netip"
	"strings"

	"data-space.liqo.io/pkg/values/iptables"
)

// Prefixes of every chain and set that is written to a node. A chain or set with such a prefix was written by this version or
// an older one.
const (
	ChainPrefix = "DS-NP-"
	SetPrefix   = "ds-np-"
)

// Chains that exist in every state.
const (
	chainForward = ChainPrefix + "FORWARD"
	chainInput   = ChainPrefix + "INPUT"
	chainMidway  = ChainPrefix + "MIDWAY"
	chainInvalid = ChainPrefix + "INVALID"
	chainUnknown = ChainPrefix + "UNKNOWN"
)

// direction is the policy direction in which a packet is evaluated.
type direction int

const (
	egress direction = iota
	ingress
)

// way holds what differs between the directions.
type way struct {
	name, letter string
	local, far   iptables.End // the packet's address of the evaluated pod, and of the peer
}

func (d direction) way() way {
	if d == egress {
		return way{name: "egress", letter: "E", local: iptables.Source, far: iptables.Destination}
	}
	return way{name: "ingress", letter: "I", local: iptables.Destination, far: iptables.Source}
}

func (d direction) String() string { return d.way().name }

func directions() []direction { return []direction{egress, ingress} }

// The chains of a direction: the root of its tree, the chain that sets its mark, and the chain that refuses.
func (d direction) rootChain() string   { return ChainPrefix + strings.ToUpper(d.String()) }
func (d direction) allowChain() string  { return ChainPrefix + "ALLOW-" + d.way().letter }
func (d direction) refuseChain() string { return ChainPrefix + "NO-" + d.way().letter }

// digest returns a name's part that stands for text. It has at least 80 bits, so that a tenant cannot find two policies whose
// chains have the same name.
func digest(length int, text ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(text, "\x00")))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:length]
}

// chainName returns a name of at most 28 bytes (XT_EXTENSION_MAXNAMELEN without the final zero).
func chainName(kind string, text ...string) string {
	return ChainPrefix + kind + "-" + digest(16, text...)
}

func familyDigit(f iptables.Family) string {
	if f == iptables.V6 {
		return "6"
	}
	return "4"
}

// maxComment is the longest comment that the kernel accepts, in bytes (XT_MAX_COMMENT_LEN without the final zero).
const maxComment = 255

// shorten cuts a comment to maxComment. A digest at its end keeps two long comments distinct.
func shorten(comment string) string {
	if len(comment) <= maxComment {
		return comment
	}
	return comment[:maxComment-9] + "~" + digest(8, comment)
}

func familyOf(ip netip.Addr) iptables.Family {
	if ip.Is4() {
		return iptables.V4
	}
	return iptables.V6
}
