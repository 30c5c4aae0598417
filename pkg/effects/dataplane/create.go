package dataplane

import (
	"errors"
	"fmt"

	"github.com/google/nftables"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
)

// create makes tables that the namespace has none of yet, as iptables-nft-restore would, in one transaction of the kernel.
// It knows table filter without rules only, which is what a pod that starts is held by. The program takes 15 ms longer: it
// makes each chain twice, and so its socket waits for an RCU grace period when it closes.
func create(b xtables.Backend, ns *netns.Namespace, set iptables.Ruleset) error {
	if b != xtables.NFT {
		return errors.ErrUnsupported
	}
	return ns.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return fmt.Errorf("nftables: %w", err)
		}
		for _, t := range set.Tables {
			if err := createTable(conn, set.Family, t); err != nil {
				return err
			}
		}
		if err := conn.Flush(); err != nil {
			return fmt.Errorf("nftables: %w", err)
		}
		return nil
	})
}

// createTable asks for a table that must not be there.
func createTable(conn *nftables.Conn, f iptables.Family, t iptables.Table) error {
	if t.Name != "filter" {
		return errors.ErrUnsupported
	}
	table := conn.CreateTable(&nftables.Table{Name: t.Name, Family: family(f)})
	for _, c := range t.Chains {
		hook, known := hooks()[c.Name]
		if !known || len(c.Rules) > 0 || c.Policy != iptables.Drop {
			return errors.ErrUnsupported
		}
		drop := nftables.ChainPolicyDrop
		conn.AddChain(&nftables.Chain{
			Name: c.Name, Table: table, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityFilter, Policy: &drop,
		})
	}
	return nil
}

// hooks are where table filter's chains are attached.
func hooks() map[string]*nftables.ChainHook {
	return map[string]*nftables.ChainHook{
		"INPUT": nftables.ChainHookInput, "FORWARD": nftables.ChainHookForward, "OUTPUT": nftables.ChainHookOutput,
	}
}

func family(f iptables.Family) nftables.TableFamily {
	if f == iptables.V6 {
		return nftables.TableFamilyIPv6
	}
	return nftables.TableFamilyIPv4
}
