package netpol

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"data-space.liqo.io/pkg/values/iptables"
)

// Prefixes of everything that is written to a node: what bears them is ours, of this version or an older one.
const (
	ChainPrefix = "DS-NP-"
	SetPrefix   = "ds-np-"
)

// Chains that are always there.
const (
	chainForward = ChainPrefix + "FORWARD"
	chainInput   = ChainPrefix + "INPUT"
	chainMidway  = ChainPrefix + "MIDWAY"
	chainInvalid = ChainPrefix + "INVALID"
	chainUnknown = ChainPrefix + "UNKNOWN"
)

// direction is a way to judge a packet.
type direction int

const (
	egress direction = iota
	ingress
)

// way holds what differs between the directions.
type way struct {
	name, letter string
	local, far   iptables.End // where packets have the judged pod's address, and where the peer's
}

func (d direction) way() way {
	if d == egress {
		return way{name: "egress", letter: "E", local: iptables.Source, far: iptables.Destination}
	}
	return way{name: "ingress", letter: "I", local: iptables.Destination, far: iptables.Source}
}

func (d direction) String() string { return d.way().name }

func directions() []direction { return []direction{egress, ingress} }

// The chains of a direction: the root of its tree, what sets its mark, and what refuses.
func (d direction) rootChain() string   { return ChainPrefix + strings.ToUpper(d.String()) }
func (d direction) allowChain() string  { return ChainPrefix + "ALLOW-" + d.way().letter }
func (d direction) refuseChain() string { return ChainPrefix + "NO-" + d.way().letter }

// digest is a name's part that stands for text: 80 bits and more, for nobody shall find two policies with one name.
func digest(length int, text ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(text, "\x00")))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:length]
}

// chainName is at most 28 bytes (XT_EXTENSION_MAXNAMELEN less its final zero).
func chainName(kind string, text ...string) string {
	return ChainPrefix + kind + "-" + digest(16, text...)
}

func familyDigit(f iptables.Family) string {
	if f == iptables.V6 {
		return "6"
	}
	return "4"
}

// maxComment is the longest comment that the kernel takes (XT_MAX_COMMENT_LEN less its final zero).
const maxComment = 255

// shorten cuts a comment to what the kernel takes; the digest keeps two long ones apart.
func shorten(comment string) string {
	if len(comment) <= maxComment {
		return comment
	}
	return comment[:maxComment-9] + "~" + digest(8, comment)
}
