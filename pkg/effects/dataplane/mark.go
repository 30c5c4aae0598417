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

// Unchanged reports whether the namespace still holds the rules of a State that was read in it. It starts no program: the kernel counts the
// transactions of nf_tables in each namespace, and legacy tables are read as the kernel keeps them. False may also mean that it could not be found out.
func (d *Dataplane) Unchanged(ns *netns.Namespace, since State) bool {
	return since.mark != "" && d.mark(ns, since.families()) == since.mark
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
			mark, err = legacyMark(families)
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

// legacyMark is the hash of the legacy tables in the calling thread's network namespace, without their counters.
func legacyMark(families []iptables.Family) (string, error) {
	hash := sha256.New()
	for _, f := range families {
		if err := hashTables(hash, f); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
