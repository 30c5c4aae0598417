package dataplane

import (
	"encoding/binary"
	"fmt"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/values/iptables"
)

// dropped counts the packets that rules have dropped in the calling thread's network namespace. The rules are those of held, as they are known:
// the kernel returns their counters in the same order.
func dropped(held []iptables.Saved) (iptables.Drops, error) {
	counts := iptables.Drops{}
	for _, set := range held {
		packets, err := packetsOf(set.Family)
		if err != nil {
			return nil, err
		}
		for _, t := range set.Tables {
			for _, c := range t.Chains {
				if err := addDrops(counts, c.Rules, packets[t.Name+"/"+c.Name]); err != nil {
					return nil, fmt.Errorf("chain %s/%s: %w", t.Name, c.Name, err)
				}
			}
		}
	}
	return counts, nil
}

// addDrops adds the packets of rules that drop.
func addDrops(counts iptables.Drops, rules []iptables.SavedRule, packets []uint64) error {
	if len(rules) != len(packets) {
		return fmt.Errorf("it has %d rules, and %d are known", len(packets), len(rules))
	}
	for i, r := range rules {
		if r.Drops() {
			counts[r.Comment] += packets[i]
		}
	}
	return nil
}

// packetsOf returns the counters of the rules of a family in nf_tables, in order, by TABLE/CHAIN.
func packetsOf(f iptables.Family) (map[string][]uint64, error) {
	request := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETRULE, unix.NLM_F_DUMP)
	request.AddData(&nl.Nfgenmsg{NfgenFamily: uint8(family(f))})
	answers, err := request.Execute(unix.NETLINK_NETFILTER, unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWRULE)
	if err != nil {
		return nil, fmt.Errorf("rules of nf_tables: %w", err)
	}
	packets := map[string][]uint64{}
	for _, answer := range answers {
		var chain [2]string // and its table before it
		var counter uint64
		err := attributes(answer[min(len(answer), nl.SizeofNfgenmsg):], func(a syscall.NetlinkRouteAttr) error {
			switch a.Attr.Type & nl.NLA_TYPE_MASK {
			case unix.NFTA_RULE_TABLE:
				chain[0] = text(a.Value)
			case unix.NFTA_RULE_CHAIN:
				chain[1] = text(a.Value)
			case unix.NFTA_RULE_EXPRESSIONS:
				return attributes(a.Value, func(e syscall.NetlinkRouteAttr) error { return counterOf(e.Value, &counter) })
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("rules of nf_tables: %w", err)
		}
		name := strings.Join(chain[:], "/")
		packets[name] = append(packets[name], counter)
	}
	return packets, nil
}

// counterOf reads the packets of an expression, if it is a counter.
func counterOf(expression []byte, packets *uint64) error {
	var name string
	return attributes(expression, func(a syscall.NetlinkRouteAttr) error {
		switch {
		case a.Attr.Type&nl.NLA_TYPE_MASK == unix.NFTA_EXPR_NAME:
			name = text(a.Value)
		case a.Attr.Type&nl.NLA_TYPE_MASK == unix.NFTA_EXPR_DATA && name == "counter":
			return attributes(a.Value, func(a syscall.NetlinkRouteAttr) error {
				if a.Attr.Type&nl.NLA_TYPE_MASK == unix.NFTA_COUNTER_PACKETS && len(a.Value) == 8 {
					*packets = binary.BigEndian.Uint64(a.Value)
				}
				return nil
			})
		}
		return nil
	})
}

// attributes calls each with the attributes of a message.
func attributes(message []byte, each func(syscall.NetlinkRouteAttr) error) error {
	all, err := nl.ParseRouteAttr(message)
	for _, a := range all {
		if err == nil {
			err = each(a)
		}
	}
	return err
}

// text is a string of the kernel's, which ends in a zero byte.
func text(value []byte) string { return strings.TrimRight(string(value), "\x00") }
