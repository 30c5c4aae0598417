package hostlink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/effects/netns"
)

// table is the name of both our tables: of family netdev, for what comes from pods, and inet, for what the node forwards.
const table = "data-space-quarantine"

// Constants of linux/netfilter.h, linux/netfilter_netdev.h and linux/netfilter/nf_tables.h.
const (
	hookIngress = 0
	hookForward = 2
	first       = -10000 // before all others
	drop        = 0
	accept      = 1
)

// message is one change of a transaction, or one question.
func message(kind, flags int, family uint8, attributes ...*nl.RtAttr) *nl.NetlinkRequest {
	m := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|kind, flags)
	m.AddData(&nl.Nfgenmsg{NfgenFamily: family, Version: nl.NFNETLINK_V0})
	for _, a := range attributes {
		m.AddData(a)
	}
	return m
}

func text(kind int, s string) *nl.RtAttr { return nl.NewRtAttr(kind, nl.ZeroTerminated(s)) }

func number(kind int, n uint32) *nl.RtAttr {
	return nl.NewRtAttr(kind, binary.BigEndian.AppendUint32(nil, n))
}

func nest(kind int, children ...*nl.RtAttr) *nl.RtAttr {
	a := nl.NewRtAttr(kind|unix.NLA_F_NESTED, nil)
	for _, c := range children {
		a.AddChild(c)
	}
	return a
}

// chain is a chain with a hook, whole.
type chain struct {
	family uint8
	name   string
	hook   uint32
	device string // ingress: whose
	policy uint32
	rules  []*nl.RtAttr // their expressions
}

// put replaces the chain, or makes it.
func (c chain) put() []*nl.NetlinkRequest {
	hook := []*nl.RtAttr{number(unix.NFTA_HOOK_HOOKNUM, c.hook), number(unix.NFTA_HOOK_PRIORITY, uint32(0x100000000+first))}
	if c.device != "" {
		hook = append(hook, text(unix.NFTA_HOOK_DEV, c.device))
	}
	changes := []*nl.NetlinkRequest{
		message(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE|unix.NLM_F_ACK, c.family, text(unix.NFTA_TABLE_NAME, table)),
		message(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE|unix.NLM_F_ACK, c.family, text(unix.NFTA_CHAIN_TABLE, table), text(unix.NFTA_CHAIN_NAME, c.name),
			nest(unix.NFTA_CHAIN_HOOK, hook...), number(unix.NFTA_CHAIN_POLICY, c.policy), text(unix.NFTA_CHAIN_TYPE, "filter")),
		c.flush(),
	}
	for _, r := range c.rules {
		changes = append(changes, message(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND|unix.NLM_F_ACK, c.family,
			text(unix.NFTA_RULE_TABLE, table), text(unix.NFTA_RULE_CHAIN, c.name), r))
	}
	return changes
}

func (c chain) flush() *nl.NetlinkRequest {
	return message(unix.NFT_MSG_DELRULE, unix.NLM_F_ACK, c.family, text(unix.NFTA_RULE_TABLE, table), text(unix.NFTA_RULE_CHAIN, c.name))
}

// same reports whether two chains hold the same rules.
func (c chain) same(other chain) bool {
	return slices.EqualFunc(c.rules, other.rules, func(a, b *nl.RtAttr) bool { return bytes.Equal(a.Serialize(), b.Serialize()) })
}

func (c chain) remove() []*nl.NetlinkRequest {
	return []*nl.NetlinkRequest{c.flush(),
		message(unix.NFT_MSG_DELCHAIN, unix.NLM_F_ACK, c.family, text(unix.NFTA_CHAIN_TABLE, table), text(unix.NFTA_CHAIN_NAME, c.name))}
}

// expressions ends a rule's matches with a verdict.
func expressions(verdict uint32, matches ...*nl.RtAttr) *nl.RtAttr {
	return nest(unix.NFTA_RULE_EXPRESSIONS, append(matches, expression("immediate",
		number(unix.NFTA_IMMEDIATE_DREG, unix.NFT_REG_VERDICT),
		nest(unix.NFTA_IMMEDIATE_DATA, nest(unix.NFTA_DATA_VERDICT, number(unix.NFTA_VERDICT_CODE, verdict)))))...)
}

func expression(name string, data ...*nl.RtAttr) *nl.RtAttr {
	return nest(unix.NFTA_LIST_ELEM, text(unix.NFTA_EXPR_NAME, name), nest(unix.NFTA_EXPR_DATA, data...))
}

// compare compares the register with a value.
func compare(relation uint32, value []byte) *nl.RtAttr {
	return expression("cmp", number(unix.NFTA_CMP_SREG, unix.NFT_REG_1), number(unix.NFTA_CMP_OP, relation),
		nest(unix.NFTA_CMP_DATA, nl.NewRtAttr(unix.NFTA_DATA_VALUE, value)))
}

// meta matches what the kernel knows of a packet.
func meta(key, relation uint32, value []byte) []*nl.RtAttr {
	return []*nl.RtAttr{
		expression("meta", number(unix.NFTA_META_DREG, unix.NFT_REG_1), number(unix.NFTA_META_KEY, key)), compare(relation, value),
	}
}

// match is a match of a quarantine rule.
func match(m quarantine.Match) []*nl.RtAttr {
	base := map[quarantine.Base]uint32{quarantine.Frame: unix.NFT_PAYLOAD_LL_HEADER, quarantine.Packet: unix.NFT_PAYLOAD_NETWORK_HEADER}[m.Base]
	relation := map[quarantine.Relation]uint32{
		quarantine.Equal: unix.NFT_CMP_EQ, quarantine.AtLeast: unix.NFT_CMP_GTE, quarantine.AtMost: unix.NFT_CMP_LTE,
	}[m.Relation]
	size := uint32(len(m.Value)) //nolint:gosec // at most 16
	out := []*nl.RtAttr{expression("payload", number(unix.NFTA_PAYLOAD_DREG, unix.NFT_REG_1), number(unix.NFTA_PAYLOAD_BASE, base),
		number(unix.NFTA_PAYLOAD_OFFSET, uint32(m.Offset)), number(unix.NFTA_PAYLOAD_LEN, size))} //nolint:gosec // at most 80
	if m.Mask != nil {
		out = append(out, expression("bitwise", number(unix.NFTA_BITWISE_SREG, unix.NFT_REG_1), number(unix.NFTA_BITWISE_DREG, unix.NFT_REG_1),
			number(unix.NFTA_BITWISE_LEN, size), nest(unix.NFTA_BITWISE_MASK, nl.NewRtAttr(unix.NFTA_DATA_VALUE, m.Mask)),
			nest(unix.NFTA_BITWISE_XOR, nl.NewRtAttr(unix.NFTA_DATA_VALUE, make([]byte, size)))))
	}
	return append(out, compare(relation, m.Value))
}

// commit makes all changes in the namespace, or none.
func commit(ns *netns.Namespace, changes []*nl.NetlinkRequest) error {
	return ns.Do(func() error {
		s, err := nl.Subscribe(unix.NETLINK_NETFILTER)
		if err != nil {
			return fmt.Errorf("nftables: %w", err)
		}
		defer s.Close()
		patience := unix.Timeval{Sec: 10}
		if err := s.SetReceiveTimeout(&patience); err != nil {
			return fmt.Errorf("nftables: %w", err)
		}
		batch := edge(unix.NFNL_MSG_BATCH_BEGIN)
		for _, c := range changes {
			batch = append(batch, c.Serialize()...)
		}
		batch = append(batch, edge(unix.NFNL_MSG_BATCH_END)...)
		if err := unix.Sendto(s.GetFd(), batch, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return fmt.Errorf("nftables: %w", err)
		}
		return answers(s, len(changes))
	})
}

// edge is the first or the last message of a transaction.
func edge(kind int) []byte {
	m := nl.NewNetlinkRequest(kind, 0)
	m.AddData(&nl.Nfgenmsg{Version: nl.NFNETLINK_V0, ResId: uint16(unix.NFNL_SUBSYS_NFTABLES) << 8}) // in network order
	return m.Serialize()
}

// answers waits until every change was answered.
func answers(s *nl.NetlinkSocket, changes int) error {
	for changes > 0 {
		messages, _, err := s.Receive()
		if err != nil {
			return fmt.Errorf("nftables: %w", err)
		}
		for _, m := range messages {
			if m.Header.Type != unix.NLMSG_ERROR || len(m.Data) < 4 {
				continue
			}
			if code := -int32(binary.NativeEndian.Uint32(m.Data)); code != 0 { //nolint:gosec // a negative errno
				return fmt.Errorf("nftables: %w", unix.Errno(code)) //nolint:gosec // positive
			}
			changes--
		}
	}
	return nil
}

// chains lists our chains of a family in the namespace.
func chains(ns *netns.Namespace, family uint8) ([]string, error) {
	answer, err := dump(ns, message(unix.NFT_MSG_GETCHAIN, unix.NLM_F_DUMP, family))
	var names []string
	for _, m := range answer {
		fields, err := nl.ParseRouteAttrAsMap(m[nl.SizeofNfgenmsg:])
		if err != nil {
			return nil, fmt.Errorf("nftables: %w", err)
		}
		if name(fields[unix.NFTA_CHAIN_TABLE].Value) == table {
			names = append(names, name(fields[unix.NFTA_CHAIN_NAME].Value))
		}
	}
	return names, err
}

// held is what the kernel holds in one of our chains, for comparison with what it holds later.
func (c chain) held(ns *netns.Namespace) ([]byte, error) {
	answer, err := dump(ns, message(unix.NFT_MSG_GETRULE, unix.NLM_F_DUMP, c.family, text(unix.NFTA_RULE_TABLE, table), text(unix.NFTA_RULE_CHAIN, c.name)))
	var all []byte
	for _, m := range answer {
		fields, err := nl.ParseRouteAttrAsMap(m[nl.SizeofNfgenmsg:])
		if err != nil {
			return nil, fmt.Errorf("nftables: %w", err)
		}
		// A kernel that heeds neither table nor chain in the question shows all rules.
		if name(fields[unix.NFTA_RULE_TABLE].Value) == table && name(fields[unix.NFTA_RULE_CHAIN].Value) == c.name {
			all = append(all, fields[unix.NFTA_RULE_EXPRESSIONS].Value...)
		}
	}
	return all, err
}

func dump(ns *netns.Namespace, question *nl.NetlinkRequest) (answer [][]byte, err error) {
	err = ns.Do(func() (err error) {
		answer, err = question.Execute(unix.NETLINK_NETFILTER, 0)
		return err
	})
	if errors.Is(err, unix.ENOENT) {
		return nil, nil // there is no such table
	}
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	return answer, nil
}

func name(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }
