package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/labels"

	"data-space.liqo.io/pkg/decisions/leastpriv"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/workloads"
)

// workloadFlags say which workloads get least-privilege NetworkPolicies, and what all of these open.
func workloadFlags(f *pflag.FlagSet, c *workloads.Config) {
	c.Settings, c.Mode, c.Excluded = leastpriv.DefaultSettings(), leastpriv.Enforce, setOf(workloads.DefaultExcluded())
	f.Func("workload-netpol", "`which` workloads get a least-privilege NetworkPolicy: off, labelled (namespaces with data-space/workload-netpol)"+
		" or all; all but off need the component deploy/workload-policies (default off)", func(text string) error {
		c.Enabled, c.All = text != "off", text == "all"
		return oneOf(text, "off", "labelled", "all")
	})
	f.Func("workload-netpol-mode", "`mode` of namespaces that do not ask for one: Enforce, or Audit for policies that select no pod (default Enforce)", func(text string) error {
		c.Mode = leastpriv.Mode(text)
		return oneOf(text, string(leastpriv.Enforce), string(leastpriv.Audit))
	})
	f.Func("workload-netpol-exclude", "`namespaces` that never get such policies, comma-separated, or none (default "+strings.Join(workloads.DefaultExcluded(), ",")+")", func(text string) error {
		c.Excluded = setOf(words(text))
		return nil
	})
	cli.Var(f, "workload-dns-cache", "`addresses` of nodes' DNS caches, comma-separated (default 169.254.20.10)", &c.LocalDNS, parseAddresses)
	cli.Var(f, "workload-dns-labels", "`labels` of the pods in kube-system that answer workloads' names (default k8s-app=kube-dns)", &c.DNS[0].Labels, parseLabels)
	f.Func("workload-ingress-controllers", "`names` in the label app.kubernetes.io/name of ingress controllers, comma-separated, or none (default "+strings.Join(c.IngressControllers, ",")+")", func(text string) error {
		c.IngressControllers = words(text)
		return nil
	})
}

func oneOf(text string, accepted ...string) error {
	if slices.Contains(accepted, text) {
		return nil
	}
	return fmt.Errorf("%q is not one of %s", text, strings.Join(accepted, ", "))
}

// words splits a list; none is the empty one.
func words(text string) []string {
	if text == "none" {
		return nil
	}
	return strings.Split(text, ",")
}

func setOf(all []string) map[string]bool {
	set := map[string]bool{}
	for _, one := range all {
		set[strings.TrimSpace(one)] = true
	}
	return set
}

func parseAddresses(text string) ([]netip.Addr, error) {
	var addresses []netip.Addr
	for _, one := range strings.Split(text, ",") {
		addr, err := netip.ParseAddr(strings.TrimSpace(one))
		if err != nil {
			return nil, fmt.Errorf("%q is not an IP address; write for example 10.96.0.10 or 10.96.0.10,fd00::a", one)
		}
		addresses = append(addresses, addr)
	}
	return addresses, nil
}

func parseLabels(text string) (map[string]string, error) {
	set, err := labels.ConvertSelectorToLabelsMap(text)
	if err != nil || len(set) == 0 {
		return nil, fmt.Errorf("write key=value, for example k8s-app=kube-dns; without labels every pod there would pass for DNS")
	}
	return set, nil
}
