package dataplane

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/iptables"
)

// create makes tables that the namespace has none of yet, as iptables-nft-restore would, in one transaction of the kernel
// (linux/netfilter/nf_tables.h). It knows table filter without rules only, which is what a pod that starts is held by. The
// program takes 15 ms longer: it makes each chain twice, and so its socket waits for an RCU grace period when it closes.
func (b Backend) create(ns *netns.Namespace, set iptables.Ruleset) error {
	if b != NFT {
		return errors.ErrUnsupported
	}
	messages, err := creation(set)
	if err != nil {
		return err
	}
	return ns.Do(func() error { return transact(messages) })
}

// drop is the verdict NF_DROP (linux/netfilter.h).
const drop = 0

// hooks are where table filter's chains are attached.
func hooks() map[string]uint32 {
	return map[string]uint32{"INPUT": unix.NF_INET_LOCAL_IN, "FORWARD": unix.NF_INET_FORWARD, "OUTPUT": unix.NF_INET_LOCAL_OUT}
}

// creation is the messages that make the tables.
func creation(set iptables.Ruleset) ([]*nl.NetlinkRequest, error) {
	var messages []*nl.NetlinkRequest
	for _, t := range set.Tables {
		if t.Name != "filter" {
			return nil, errors.ErrUnsupported
		}
		messages = append(messages, message(set.Family, unix.NFT_MSG_NEWTABLE, text(unix.NFTA_TABLE_NAME, t.Name)))
		for _, c := range t.Chains {
			hook, known := hooks()[c.Name]
			if !known || len(c.Rules) > 0 || c.Policy != iptables.Drop {
				return nil, errors.ErrUnsupported
			}
			messages = append(messages, message(set.Family, unix.NFT_MSG_NEWCHAIN,
				text(unix.NFTA_CHAIN_TABLE, t.Name), text(unix.NFTA_CHAIN_NAME, c.Name),
				nested(unix.NFTA_CHAIN_HOOK, number(unix.NFTA_HOOK_HOOKNUM, hook), number(unix.NFTA_HOOK_PRIORITY, 0)),
				number(unix.NFTA_CHAIN_POLICY, drop), text(unix.NFTA_CHAIN_TYPE, "filter"),
				nested(unix.NFTA_CHAIN_COUNTERS, nl.NewRtAttr(unix.NFTA_COUNTER_BYTES, make([]byte, 8)), nl.NewRtAttr(unix.NFTA_COUNTER_PACKETS, make([]byte, 8)))))
		}
	}
	return messages, nil
}

func message(f iptables.Family, kind int, attributes ...*nl.RtAttr) *nl.NetlinkRequest {
	r := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|kind, unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	r.AddData(&nl.Nfgenmsg{NfgenFamily: nfproto(f), Version: nl.NFNETLINK_V0})
	for _, a := range attributes {
		r.AddData(a)
	}
	return r
}

func text(attribute int, s string) *nl.RtAttr { return nl.NewRtAttr(attribute, nl.ZeroTerminated(s)) }

func number(attribute int, n uint32) *nl.RtAttr {
	return nl.NewRtAttr(attribute, binary.BigEndian.AppendUint32(nil, n))
}

func nested(attribute int, children ...*nl.RtAttr) *nl.RtAttr {
	a := nl.NewRtAttr(attribute|unix.NLA_F_NESTED, nil)
	for _, c := range children {
		a.AddChild(c)
	}
	return a
}

func nfproto(f iptables.Family) uint8 {
	if f == iptables.V6 {
		return unix.NFPROTO_IPV6
	}
	return unix.NFPROTO_IPV4
}

// transact sends the messages as one transaction in the calling thread's network namespace: all hold, or none.
func transact(messages []*nl.NetlinkRequest) error {
	socket, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return fmt.Errorf("open a netlink socket: %w", err)
	}
	defer func() { _ = unix.Close(socket) }()
	batch := border(unix.NFNL_MSG_BATCH_BEGIN)
	for _, m := range messages {
		batch = append(batch, m.Serialize()...)
	}
	batch = append(batch, border(unix.NFNL_MSG_BATCH_END)...)
	if err := unix.Sendto(socket, batch, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("send to nf_tables: %w", err)
	}
	return acknowledged(socket, messages[len(messages)-1].Seq)
}

// border is a message that begins or ends a transaction.
func border(kind int) []byte {
	r := nl.NewNetlinkRequest(kind, 0)
	r.AddData(&nl.Nfgenmsg{Version: nl.NFNETLINK_V0, ResId: binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.NFNL_SUBSYS_NFTABLES))})
	return r.Serialize()
}

// acknowledged reads the kernel's answers, which are there when the messages were sent: the last message's must be.
func acknowledged(socket int, last uint32) error {
	buffer := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(socket, buffer, unix.MSG_DONTWAIT)
		if err != nil {
			return fmt.Errorf("nf_tables has not answered: %w", err)
		}
		answers, err := syscall.ParseNetlinkMessage(buffer[:n])
		if err != nil {
			return fmt.Errorf("nf_tables' answer: %w", err)
		}
		for _, a := range answers {
			if a.Header.Type != unix.NLMSG_ERROR || len(a.Data) < 4 {
				continue
			}
			if problem := unix.Errno(-int32(binary.NativeEndian.Uint32(a.Data))); problem != 0 { //nolint:gosec // negative, as the kernel has it
				return fmt.Errorf("nf_tables: %w", problem)
			}
			if a.Header.Seq == last {
				return nil
			}
		}
	}
}
