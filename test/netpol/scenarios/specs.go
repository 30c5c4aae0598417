package scenarios

// All returns the 48 specs: those over TCP, then UDP, then SCTP.
func All() []Scenario {
	out := append(overTCP(), overTCPPorts()...)
	out = append(out, overTCPChanging()...)
	out = append(out, overTCPEgress()...)
	return append(out, overUDPAndSCTP()...)
}

func overTCP() []Scenario {
	return []Scenario{
		{"should support a 'default-deny-ingress' policy", []Step{{
			`x/deny-ingress: podSelector: {}, policyTypes: [Ingress]`,
			`tcp/80: * > x/* no`,
		}}},
		{"should support a 'default-deny-all' policy", []Step{{
			`x/deny-all: podSelector: {}, policyTypes: [Ingress, Egress]`,
			`tcp/80: * > x/* no, x/* > * no`,
		}}},
		{"should enforce policy to allow traffic from pods within server namespace based on PodSelector", []Step{{
			`x/x-a-allows-x-b: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]`,
			`tcp/80: * > x/a no, x/b > x/a yes`,
		}}},
		{"should enforce policy to allow ingress traffic for a target", []Step{{
			`x/deny-all: podSelector: {}, policyTypes: [Ingress]
			x/allow-all-to-a: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}, namespaceSelector: {}}]}]`,
			`tcp/80: * > x/b no, * > x/c no`,
		}}},
		{"should enforce policy to allow ingress traffic from pods in all namespaces", []Step{{
			`x/allow-from-another-ns: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}]}]`,
			`tcp/80:`,
		}}},
		{"should enforce policy to allow traffic only from a different namespace, based on NamespaceSelector", []Step{{
			`x/allow-y: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "y"}}}]}]`,
			`tcp/80: x/* > x/a no, z/* > x/a no`,
		}}},
		{"should enforce policy based on PodSelector with MatchExpressions", []Step{{
			`x/x-a-allows-x-b: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchExpressions: [{key: pod, operator: In, values: [b]}]}}]}]`,
			`tcp/80: * > x/a no, x/b > x/a yes`,
		}}},
		{"should enforce policy based on NamespaceSelector with MatchExpressions", []Step{{
			`x/allow-y: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: ["y"]}]}}]}]`,
			`tcp/80: x/* > x/a no, z/* > x/a no`,
		}}},
		{"should enforce policy based on PodSelector or NamespaceSelector", []Step{{
			`x/allow-either: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [x]}]}}, {podSelector: {matchLabels: {pod: b}}}]}]`,
			`tcp/80: x/c > x/a no`,
		}}},
		{"should enforce policy based on PodSelector and NamespaceSelector", []Step{{
			`x/allow-both: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [x]}]}, podSelector: {matchLabels: {pod: b}}}]}]`,
			`tcp/80: * > x/a no, y/b > x/a yes, z/b > x/a yes`,
		}}},
		{"should enforce policy based on Multiple PodSelectors and NamespaceSelectors", []Step{{
			`x/allow-y-z-b-c: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [x]}]}, podSelector: {matchExpressions: [{key: pod, operator: In, values: [b, c]}]}}]}]`,
			`tcp/80: x/* > x/a no, y/a > x/a no, z/a > x/a no`,
		}}},
		{"should enforce policy based on any PodSelectors", []Step{{
			`x/allow-b-c: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}, {podSelector: {matchLabels: {pod: c}}}]}]`,
			`tcp/80: * > x/a no, x/b > x/a yes, x/c > x/a yes`,
		}}},
		{"should enforce policy to allow traffic only from a pod in a different namespace based on PodSelector and NamespaceSelector", []Step{{
			`x/allow-y-a: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "y"}}, podSelector: {matchLabels: {pod: a}}}]}]`,
			`tcp/80: * > x/a no, y/a > x/a yes`,
		}}},
	}
}

// overTCPPorts are those about ports, protocols and default labels.
func overTCPPorts() []Scenario {
	return []Scenario{
		{"should enforce policy based on Ports", []Step{{
			`x/allow-y-81: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "y"}}}], ports: [{port: 81, protocol: TCP}]}]`,
			`tcp/81: x/* > x/a no, z/* > x/a no`,
		}}},
		{"should support allow-all policy", []Step{{
			`x/allow-all: podSelector: {}, policyTypes: [Ingress], ingress: [{}]`,
			`tcp/80:
			tcp/81:`,
		}}},
		{"should allow ingress access on one named port", []Step{{
			`x/allow-all: podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: serve-81-tcp}]}]`,
			`tcp/81:
			tcp/80: * > x/* no`,
		}}},
		{"should allow ingress access from namespace on one named port", []Step{{
			`x/allow-y-80: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "y"}}}], ports: [{port: serve-80-tcp, protocol: TCP}]}]`,
			`tcp/80: x/* > x/a no, z/* > x/a no
			tcp/81: * > x/a no`,
		}}},
		{"should deny ingress from pods on other namespaces", []Step{{
			`x/own: podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]`,
			`tcp/80: y/* > x/* no, z/* > x/* no`,
		}}},
		{"should enforce ingress policy allowing any port traffic to a server on a specific protocol", []Step{{
			`x/allow-tcp: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{protocol: TCP}]}]`,
			`tcp/80:
			udp/80: * > x/a no`,
		}}},
		{"should not mistakenly treat 'protocol: SCTP' as 'protocol: TCP', even if the plugin doesn't support SCTP", []Step{{
			`x/deny-ingress: podSelector: {}, policyTypes: [Ingress]
			x/only-sctp-81: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{port: 81, protocol: SCTP}]}]`,
			`tcp/81: * > x/* no`,
		}}},
		{"should properly isolate pods that are selected by a policy allowing SCTP, even if the plugin doesn't support SCTP", []Step{{
			`x/only-sctp-80: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{port: 80, protocol: SCTP}]}]`,
			`tcp/81: * > x/a no`,
		}}},
		{"should not allow access by TCP when a policy specifies only UDP", []Step{{
			`x/only-udp-81: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{port: 81, protocol: UDP}]}]`,
			`tcp/81: * > x/a no`,
		}}},
		{"should enforce policy to allow traffic based on NamespaceSelector with MatchLabels using default ns label", []Step{{
			`x/allow-y: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "y"}}}]}]`,
			`tcp/80: x/* > x/a no, z/* > x/a no`,
		}}},
		{"should enforce policy based on NamespaceSelector with MatchExpressions using default ns label", []Step{{
			`x/not-y: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: ["y"]}]}}]}]`,
			`tcp/80: x/a > y/* no`,
		}}},
	}
}

// overTCPChanging are those with more than one step.
func overTCPChanging() []Scenario {
	const allow = `podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "y"}}}], ports: `
	return []Scenario{
		{"should enforce multiple, stacked policies with overlapping podSelectors", []Step{
			{`x/allow-81: ` + allow + `[{port: 81, protocol: TCP}]}]`,
				`tcp/81: x/* > x/a no, z/* > x/a no
				tcp/80: * > x/a no`},
			{`x/allow-80: ` + allow + `[{port: 80, protocol: TCP}]}]`,
				`tcp/80: x/* > x/a no, z/* > x/a no`},
		}},
		{"should enforce updated policy", []Step{
			{`x/mutate: podSelector: {}, policyTypes: [Ingress], ingress: [{}]`, `tcp/81:`},
			{`x/mutate: podSelector: {}, policyTypes: [Ingress], ingress: []`, `tcp/81: * > x/* no`},
		}},
		{"should allow ingress access from updated namespace", []Step{
			{`x/allow-ns2: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {ns2: updated}}}]}]`,
				`tcp/80: * > x/a no`},
			{`namespace y ns2=updated`, `tcp/80: * > x/a no, y/* > * yes`},
		}},
		{"should allow ingress access from updated pod", []Step{
			{`x/allow-pod2: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: b, pod2: updated}}}]}]`,
				`tcp/80: * > x/a no`},
			{`pod x/b pod=b pod2=updated`, `tcp/80: * > x/a no, x/b > x/a yes`},
		}},
		{"should deny ingress access to updated pod", []Step{
			{`x/deny: podSelector: {matchLabels: {target: isolated}}, policyTypes: [Ingress]`, `tcp/80:`},
			{`pod x/a target=isolated`, `tcp/80: * > x/a no`},
		}},
		{"should enforce multiple ingress policies with ingress allow-all policy taking precedence", []Step{
			{`x/allow-80: podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: 80}]}]`, `tcp/81: * > x/* no`},
			{`x/allow-all: podSelector: {}, policyTypes: [Ingress], ingress: [{}]`, `tcp/81:`},
		}},
		{"should enforce multiple egress policies with egress allow-all policy taking precedence", []Step{
			{`x/allow-80: podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 80}]}]`, `tcp/81: x/* > * no`},
			{`x/allow-all: podSelector: {}, policyTypes: [Egress], egress: [{}]`, `tcp/81:`},
		}},
		{"should stop enforcing policies after they are deleted", []Step{
			{`x/deny-all: podSelector: {}, policyTypes: [Ingress, Egress]`, `tcp/80: * > x/* no, x/* > * no`},
			{`x/deny-all gone`, `tcp/80:`},
		}},
		{"should ensure an IP overlapping both IPBlock.CIDR and IPBlock.Except is allowed", []Step{
			{`x/cidr: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: "$(x/a)/4", except: ["$(x/b)"]}}]}]`,
				`tcp/80: x/a > x/b no`},
			{`x/cidr: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: "$(x/b)"}}]}]`,
				`tcp/80: x/a > * no, x/a > x/b yes`},
		}},
		{"should enforce policies to check ingress and egress policies can be controlled independently based on PodSelector", []Step{
			{`x/allow-egress: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{}]`, `tcp/80:`},
			{`x/deny-ingress: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress]`, `tcp/80: * > x/a no`},
		}},
	}
}

func overTCPEgress() []Scenario {
	return []Scenario{
		{"should allow egress access on one named port", []Step{{
			`x/allow-egress: podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: serve-80-tcp}]}]`,
			`tcp/80:
			tcp/81: x/* > * no`,
		}}},
		{"should deny egress from pods based on PodSelector", []Step{{
			`x/deny-a: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress]`,
			`tcp/80: x/a > * no`,
		}}},
		{"should deny egress from all pods in a namespace", []Step{{
			`x/deny-x: podSelector: {}, policyTypes: [Egress]`,
			`tcp/80: x/* > * no`,
		}}},
		{"should work with Ingress, Egress specified together", []Step{{
			`x/both: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress, Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}], egress: [{ports: [{port: 80}]}]`,
			`tcp/80: * > x/a no, x/b > x/a yes
			tcp/81: * > x/a no, x/a > * no, x/b > x/a yes`,
		}}},
		{"should support denying of egress traffic on the client side (even if the server explicitly allows this traffic)", []Step{{
			`x/to-y-a: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "y"}}, podSelector: {matchLabels: {pod: a}}}]}]
			y/from-x-a-to-a: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: x}}, podSelector: {matchLabels: {pod: a}}}]}]
			y/from-x-a-to-b: podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: x}}, podSelector: {matchLabels: {pod: a}}}]}]`,
			`tcp/80: x/a > * no, * > y/a no, x/a > y/a yes, * > y/b no`,
		}}},
		{"should enforce egress policy allowing traffic to a server in a different namespace based on PodSelector and NamespaceSelector", []Step{{
			`x/to-y-a: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "y"}}, podSelector: {matchLabels: {pod: a}}}]}]`,
			`tcp/80: x/a > * no, x/a > y/a yes`,
		}}},
		{"should allow egress access to server in CIDR block", []Step{{
			`x/cidr: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: "$(y/b)"}}]}]`,
			`tcp/80: x/a > * no, x/a > y/b yes`,
		}}},
		{"should enforce except clause while egress access to server in CIDR block", []Step{{
			`x/cidr: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: "$(x/a)/4", except: ["$(x/b)"]}}]}]`,
			`tcp/80: x/a > x/b no`,
		}}},
	}
}

func overUDPAndSCTP() []Scenario {
	var out []Scenario
	for _, p := range []struct{ kube, short string }{{"UDP", "udp"}, {"SCTP", "sctp"}} {
		out = append(out,
			Scenario{p.kube + ": should support a 'default-deny-ingress' policy", []Step{{
				`x/deny-all: podSelector: {}, policyTypes: [Ingress]`,
				p.short + `/80: * > x/* no`,
			}}},
			Scenario{p.kube + ": should enforce policy based on Ports", []Step{{
				`x/allow-y-81: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "y"}}}], ports: [{port: 81, protocol: ` + p.kube + `}]}]`,
				p.short + `/81: x/* > x/a no, z/* > x/a no`,
			}}},
			Scenario{p.kube + ": should enforce policy to allow traffic only from a pod in a different namespace based on PodSelector and NamespaceSelector", []Step{{
				`x/allow-y-a: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "y"}}, podSelector: {matchLabels: {pod: a}}}]}]`,
				p.short + `/80: * > x/a no, y/a > x/a yes`,
			}}})
	}
	return out
}
