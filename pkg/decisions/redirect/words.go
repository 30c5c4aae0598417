package redirect

import (
	"slices"
	"strings"

	"data-space.liqo.io/pkg/values/apis"
)

// inWords says what a rule matches and what becomes of the packet. Options that it does not know come as they are.
func inWords(args []string) (packet, verdict string) {
	at := slices.Index(args, "-j")
	return matchWords(args[:at]), verdictWords(args[at+1], args[at+2:])
}

func matchWords(args []string) string {
	var words []string
	not := false
	for i := 0; i < len(args); i++ {
		option := args[i]
		if option == "--nowildcard" {
			words = append(words, "to an address and port on which a socket listens")
			continue
		}
		if option == "!" {
			not = true
			continue
		}
		values := args[i+1 : min(i+1+operands(option), len(args))]
		i += len(values)
		if w := matchWord(option, values, not); w != "" {
			words = append(words, w)
		}
		not = false
	}
	if len(words) == 0 {
		return "every packet"
	}
	return strings.Join(words, ", ")
}

// operands is how many words follow an option.
func operands(option string) int {
	if option == "--tcp-flags" {
		return 2
	}
	return 1
}

func matchWord(option string, values []string, not bool) string {
	value := values[0]
	negation := map[bool]string{true: "not "}[not]
	switch option {
	case "-m", "--comment", "--connbytes-mode":
		return ""
	case "-p":
		return map[string]string{"tcp": "TCP", "udp": "UDP", "icmp": "ICMP", "ipv6-icmp": "ICMPv6"}[value]
	case "-o":
		return negation + "out by `" + value + "`"
	case "-i":
		return negation + "in by `" + value + "`"
	case "-d":
		return negation + "to " + value
	case "-s":
		return negation + "from " + value
	case "--dport", "--dports":
		return negation + "to port " + strings.ReplaceAll(value, ",", ", ")
	case "--sports":
		return "from port " + strings.ReplaceAll(value, ",", ", ")
	case "--length":
		return "of " + strings.ReplaceAll(value, ":", " to ") + " bytes"
	case "--tcp-option":
		return "with TCP option " + value
	case "--ctstate":
		return stateWords(value, not)
	case "--uid-owner":
		if not {
			return "no process owns it"
		}
		return "its socket's user is " + value
	case "--path":
		return cgroupWords(value, not)
	case "--mark":
		if value == hex(SocketMark) {
			return "its packet mark is the one of the proxy's listeners"
		}
		return "its connection bears " + markName(value)
	case "--tcp-flags":
		return flagWords(strings.Split(values[0], ","), strings.Split(values[1], ","))
	case "--connbytes", "--connbytes-dir":
		return countWords(value)
	case "--icmpv6-type":
		return "type " + value
	case "--hl-eq":
		return "hop limit " + value
	}
	return negation + option + " " + strings.Join(values, " ")
}

// countWords says up to which packet of a connection a rule matches, and of whose.
func countWords(value string) string {
	if of, found := map[string]string{"original": "of the caller", "reply": "of the answer"}[value]; found {
		return of
	}
	return "up to packet " + value[strings.Index(value, ":")+1:]
}

func cgroupWords(path string, not bool) string {
	switch {
	case path == documentedPod && not:
		return "its socket's cgroup is outside the pod's"
	case path == documentedPod:
		return "its socket's cgroup is below the pod's"
	case not:
		return "its socket's cgroup is another than the proxy's"
	}
	return "its socket's cgroup is the proxy's"
}

func stateWords(states string, not bool) string {
	switch {
	case states == "INVALID":
		return "which conntrack cannot place"
	case states == "DNAT" && not:
		return "which nat has not redirected"
	case states == "DNAT":
		return "which nat has redirected"
	}
	return "in connection state " + strings.ReplaceAll(states, ",", " or ")
}

// flagWords says which TCP flags are set and which of those looked at are not.
func flagWords(looked, set []string) string {
	words := "with " + strings.Join(set, " and ")
	unset := slices.DeleteFunc(looked, func(flag string) bool { return slices.Contains(set, flag) })
	if len(unset) > 0 {
		words += " and without " + strings.Join(unset, " or ")
	}
	return words
}

func markName(value string) string {
	switch value, _, _ = strings.Cut(value, "/0xffffffff"); value {
	case hex(Mark):
		return "the mark *proxy*"
	case hex(MarkComing):
		return "the mark *coming*"
	}
	return "either mark"
}

func verdictWords(target string, options []string) string {
	switch target {
	case "REDIRECT":
		return "to the proxy's port " + options[1]
	case "REJECT":
		return "REJECT (" + options[1] + ")"
	case "CONNMARK":
		return "set " + markName(options[1]) + ", go on"
	case "RETURN":
		return "leave its destination alone"
	}
	return target
}

// portName is what a port of the proxy is for.
func portName(n uint16) string {
	return map[uint16]string{
		apis.PortEgressTCP:  "transparent egress: all TCP that the pod's applications open",
		apis.PortEgressHTTP: "explicit HTTP proxy, for applications that ask for one",
		apis.PortIngressTCP: "transparent ingress: all TCP that comes from outside",
		apis.PortReady:      "readiness, for the kubelet",
		apis.PortDNS:        "DNS over UDP",
	}[n]
}
