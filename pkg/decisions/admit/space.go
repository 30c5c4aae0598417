package admit

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

// SpaceNames are the rules for names of guests' namespaces. The zero value is a good default.
type SpaceNames struct {
	// ClusterDomain is what the cluster's own names end in; empty means cluster.local.
	ClusterDomain string
	// Pattern matches the whole name of every guest's namespace; it is a regular expression in which {guest} stands for the
	// guest's cluster id. Empty means DefaultSpacePattern.
	Pattern string
}

// DefaultSpacePattern wants a hyphen in the name. Liqo's own names, NAME-GUEST, have one; the last label of a host name
// that people use has none: ICANN admits no top-level domain with a hyphen but the encoded ones (xn--).
const DefaultSpacePattern = `.+-.+`

const guestPlace = "{guest}"

// placeholder matches what is written like guestPlace. To the package regexp it would be text that no namespace's name contains, so
// that every guest's namespace would be rejected.
var placeholder = regexp.MustCompile(`\{[a-z][^}]*\}`)

// ParseSpacePattern reads a pattern for the names of guests' namespaces.
func ParseSpacePattern(text string) (string, error) {
	if _, err := (SpaceNames{Pattern: text}).pattern("a"); err != nil {
		return "", fmt.Errorf("%q is not a regular expression: %w; write for example .+-{guest}", text, err)
	}
	if other := placeholder.FindString(strings.ReplaceAll(text, guestPlace, "")); other != "" {
		return "", fmt.Errorf("%q has the placeholder %s, which does not exist; write for example .+-{guest}", text, other)
	}
	return text, nil
}

func (s SpaceNames) pattern(guest string) (*regexp.Regexp, error) {
	text := s.Pattern
	if text == "" {
		text = DefaultSpacePattern
	}
	return regexp.Compile(`^(?:` + strings.ReplaceAll(text, guestPlace, regexp.QuoteMeta(guest)) + `)$`)
}

// Space refuses names of guests' namespaces that mean something else to resolvers or to other programs of the cluster. The
// last label of any name that a pod looks up is tried as a namespace (search svc.CLUSTER-DOMAIN): in a namespace called
// example, the guest would answer for redbank.example.
func Space(name, guest string, s SpaceNames) field.ErrorList {
	path := field.NewPath("metadata", "name")
	if reason := s.reserved(name); reason != "" {
		return field.ErrorList{field.Forbidden(path, reason+"; choose another name")}
	}
	pattern, err := s.pattern(guest)
	if err != nil || !pattern.MatchString(name) {
		text := s.Pattern
		if text == "" {
			text = DefaultSpacePattern
		}
		return field.ErrorList{field.Forbidden(path, fmt.Sprintf("the namespace of a guest is called as the Hospital's pattern %s says, "+
			"so that no name that others look up ends in it; choose a name such as %s, or have the Hospital change --guest-namespace-pattern",
			text, "NAME-"+guest))}
	}
	return nil
}

// reserved returns what a name means to others, or "".
func (s SpaceNames) reserved(name string) string {
	domain := s.ClusterDomain
	if domain == "" {
		domain = "cluster.local"
	}
	switch {
	case slices.Contains(strings.Split(strings.TrimSuffix(domain, "."), "."), name), slices.Contains(dnsNames(), name):
		return "names that others look up end in it, so the guest would answer for them"
	case len(name) > 3 && name[2:4] == "--":
		return "a name of this form is an encoded top-level domain"
	case slices.Contains(systemNames(), name), strings.HasSuffix(name, "-system"),
		slices.ContainsFunc(systemPrefixes(), func(p string) bool { return strings.HasPrefix(name, p) }):
		return "programs of the cluster and their policies treat namespaces of this name specially"
	}
	return ""
}

// ReservedSpaces lists names and prefixes that no guest's namespace may have, independent of the Hospital's settings.
func ReservedSpaces() []string { return slices.Concat(dnsNames(), systemNames(), systemPrefixes()) }

// dnsNames are the labels of the cluster's own names and the special-use top-level domains. They are refused even if the pattern matches.
func dnsNames() []string {
	return []string{
		"svc", "pod", "cluster", "local", "localhost", "localdomain", "internal", "intranet", "private", "lan", "home", "corp", "host", "domain",
		"arpa", "in-addr", "ip6", "test", "example", "invalid", "onion", "alt", "com", "net", "org", "edu", "gov", "int", "mil", "io", "dev", "wpad", "isatap",
	}
}

// systemNames are namespaces of Kubernetes and of programs that policies often exempt.
func systemNames() []string {
	return []string{
		"default", "liqo", apis.SystemNamespace, "kyverno", "gatekeeper", "cert-manager", "istio", "linkerd", "cilium", "calico-apiserver", "tigera-operator",
		"monitoring", "argocd", "longhorn", "rook-ceph", "vault", "ingress-nginx", "cattle", "fleet-local", "fleet-default", "rancher",
	}
}

func systemPrefixes() []string {
	return []string{
		"kube-", "openshift-", "liqo-tenant-", "liqo-storage", "data-space", "istio-", "cattle-", "linkerd-", "cilium-", "knative-", "gke-", "gmp-", "eks-", "aks-", "azure-",
		"amazon-", "aws-",
	}
}
