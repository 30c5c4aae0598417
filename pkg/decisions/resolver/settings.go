package resolver

import (
	"fmt"
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// DefaultClusterDomain is what the names of a cluster end in unless its installer chose another.
const DefaultClusterDomain = "cluster.local"

// defaultQueriesPerSecond is enough for a program that looks a name up for each of 25 connections a second and caches
// nothing: a search list makes up to eight questions of one name.
const defaultQueriesPerSecond = 200

const (
	maxForward = 64
	// maxQueriesPerSecond is far above what one replica answers.
	maxQueriesPerSecond = 100_000
	// maxServers is as many as CoreDNS accepts for one domain.
	maxServers = 15
)

// Settings is all that the Hospital may choose about its guests' names.
type Settings struct {
	// ClusterDomain is what the names of the cluster's Services and pods end in, without a dot at either end.
	ClusterDomain string
	// Forward are the domains outside of the cluster that guests may ask for. Each is a way out: a name is a message to
	// whoever answers for the domain.
	Forward []Domain
	// QueriesPerSecond is how many questions each client address may ask for as long as it wants. The resolver refuses those
	// above and logs their number only, so that one guest cannot push the others out of its log.
	QueriesPerSecond int
}

// Domain is a domain outside of the cluster, with all names below it.
type Domain struct {
	// Name has no dot at either end.
	Name string
	// Servers are asked for it on port 53. None: those that the resolver's own pod uses, which is the cluster's DNS.
	Servers []netip.Addr
}

// Default returns s with every field that has a default and is zero set to that default.
func (s Settings) Default() Settings {
	if s.ClusterDomain == "" {
		s.ClusterDomain = DefaultClusterDomain
	}
	if s.QueriesPerSecond == 0 {
		s.QueriesPerSecond = defaultQueriesPerSecond
	}
	return s
}

// Validate returns everything that is wrong with s, each with its path below at and the way out.
func (s Settings) Validate(at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, problem := range validation.IsDNS1123Subdomain(s.ClusterDomain) {
		errs = append(errs, field.Invalid(at.Child("clusterDomain"), s.ClusterDomain, problem))
	}
	if s.QueriesPerSecond < 1 || s.QueriesPerSecond > maxQueriesPerSecond {
		errs = append(errs, field.Invalid(at.Child("queriesPerSecond"), s.QueriesPerSecond,
			fmt.Sprintf("must be between 1 and %d", maxQueriesPerSecond)))
	}
	if len(s.Forward) > maxForward {
		errs = append(errs, field.TooMany(at.Child("forward"), len(s.Forward), maxForward))
	}
	seen := map[string]bool{}
	for i, domain := range s.Forward {
		at := at.Child("forward").Index(i)
		if seen[domain.Name] {
			errs = append(errs, field.Duplicate(at, domain.Name))
		}
		seen[domain.Name] = true
		errs = append(errs, s.validateDomain(at, domain)...)
	}
	return errs
}

// validateDomain returns what is wrong with a domain that guests may resolve, with the field's path. Domains that overlap with those that the
// resolver answers itself are refused: a server outside could answer for the cluster's names.
func (s Settings) validateDomain(at *field.Path, domain Domain) field.ErrorList {
	var errs field.ErrorList
	for _, problem := range validation.IsDNS1123Subdomain(domain.Name) {
		errs = append(errs, field.Invalid(at, domain.Name, problem))
	}
	for _, own := range s.zones() {
		if within(domain.Name, own) || within(own, domain.Name) {
			errs = append(errs, field.Invalid(at, domain.Name, "overlaps with "+own+", which the resolver answers itself: name another domain"))
		}
	}
	if len(domain.Servers) > maxServers {
		errs = append(errs, field.TooMany(at.Child("servers"), len(domain.Servers), maxServers))
	}
	for i, server := range domain.Servers {
		if !usable(server) {
			errs = append(errs, field.Invalid(at.Child("servers").Index(i), server.String(),
				"must be a unicast address without a zone that is not loopback"))
		}
	}
	return errs
}

// zones are answered from the API server's data alone, and no part of them is ever asked elsewhere.
func (s Settings) zones() []string { return []string{s.ClusterDomain, "in-addr.arpa", "ip6.arpa"} }

// within reports whether name is zone or below it.
func within(name, zone string) bool { return name == zone || strings.HasSuffix(name, "."+zone) }

func usable(addr netip.Addr) bool {
	return addr.IsValid() && !addr.IsUnspecified() && !addr.IsLoopback() && !addr.IsMulticast() && !addr.Is4In6() && addr.Zone() == ""
}
