package claims

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"data-space.liqo.io/pkg/decisions/netpol"
)

// nodeFilter is what a node holds: everybody else's rules and sets as text, and how many lines bear our prefixes.
type nodeFilter struct {
	others string
	ours   int
}

// readNode reads a node's rules, tables of nftables and IP sets with the machine's own programs.
func (w *World) readNode(ctx context.Context, node string) (nodeFilter, error) {
	space, err := w.nodeNetwork(ctx, node)
	if err != nil {
		return nodeFilter{}, err
	}
	defer space.Close()
	text, err := rules(ctx, space)
	if err != nil {
		return nodeFilter{}, err
	}
	more := ""
	err = space.Do(func() error {
		tables, err := nftTables(ctx)
		if err != nil {
			return err
		}
		sets, err := output(ctx, "ipset", "save", "-sorted")
		more = tables + "== ipset\n" + sets
		return err
	})
	return apart(text + more), err
}

// apart separates what bears our prefixes from what is everybody else's. Rules of others that lead to our chains are ours:
// there is one in FORWARD and one in INPUT.
func apart(text string) nodeFilter {
	found, others := nodeFilter{}, strings.Builder{}
	for line := range strings.Lines(text) {
		if strings.Contains(line, netpol.ChainPrefix) || strings.Contains(line, netpol.SetPrefix) {
			found.ours++
			continue
		}
		others.WriteString(line)
	}
	found.others = others.String()
	return found
}

// nftTables prints the tables that iptables does not know of, such as kube-proxy's in its mode nftables, without counters. Tables
// of our own (frame filters, walls) are left out.
func nftTables(ctx context.Context) (string, error) {
	list, err := output(ctx, "nft", "list", "tables")
	if err != nil {
		return "", err
	}
	text := strings.Builder{}
	for line := range strings.Lines(list) {
		words := strings.Fields(line) // table FAMILY NAME
		if len(words) != 3 || strings.HasPrefix(words[2], "data-space-") || slices.Contains([]string{"filter", "nat", "mangle", "raw", "security"}, words[2]) {
			continue
		}
		table, err := output(ctx, "nft", "--stateless", "list", "table", words[1], words[2])
		if err != nil {
			return "", err
		}
		text.WriteString("== nft\n" + table)
	}
	return text.String(), nil
}

// output is what a program prints in the network namespace of the calling thread.
func output(ctx context.Context, name string, args ...string) (string, error) {
	stdout, stderr := &bytes.Buffer{}, &bytes.Buffer{}
	command := exec.CommandContext(ctx, name, args...)
	command.Stdout, command.Stderr = stdout, stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, tail(stderr.String()))
	}
	return stdout.String(), nil
}
