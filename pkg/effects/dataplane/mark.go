package dataplane

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
)

// Unchanged reports whether the namespace still holds the rules of a State that was read in it, and returns the State with what they have dropped by
// now. It starts no program: the kernel counts the transactions of nf_tables in each namespace, and legacy tables are read as the kernel keeps them.
// False may also mean that it could not be found out.
func (d *Dataplane) Unchanged(ns *netns.Namespace, since State) (State, bool) {
	now, mark := since, ""
	if since.mark == "" {
		return now, false
	}
	err := ns.Do(func() (err error) {
		if d.backend == xtables.Legacy {
			var packets iptables.Drops
			mark, packets, err = legacyMark(since.families())
			now.Dropped = packets.Of(since.Dropped)
			return err
		}
		if counts, err := dropped(since.Rulesets); err == nil { // otherwise they are counted later
			now.Dropped = counts
		}
		mark, err = generationMark()
		return err
	})
	return now, err == nil && mark == since.mark
}

// families are those that were read.
func (s State) families() (all []iptables.Family) {
	for _, r := range s.Rulesets {
		all = append(all, r.Family)
	}
	return all
}

// mark is equal for two moments only if the namespace held the same rules of these families in both; counters do not matter. Empty: it is not known.
func (d *Dataplane) mark(ns *netns.Namespace, families []iptables.Family) (mark string) {
	err := ns.Do(func() (err error) {
		if d.backend == xtables.Legacy {
			mark, _, err = legacyMark(families)
		} else {
			mark, err = generationMark()
		}
		return err
	})
	if err != nil {
		return ""
	}
	return mark
}

// generationMark is the number of transactions in the calling thread's network namespace.
func generationMark() (string, error) {
	number, err := generation()
	if err == nil && number == 0 {
		err = errors.New("generation of nf_tables: the kernel does not count")
	}
	return strconv.FormatUint(uint64(number), 10), err
}

// legacyMark is the hash of the legacy tables in the calling thread's network namespace, without their counters, and the packets of rules by their names.
func legacyMark(families []iptables.Family) (string, iptables.Drops, error) {
	hash, packets := sha256.New(), iptables.Drops{}
	for _, f := range families {
		if err := hashTables(hash, packets, f); err != nil {
			return "", nil, err
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), packets, nil
}
