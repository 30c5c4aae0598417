package house

import (
	"fmt"
	"slices"
	"strings"
)

// permit allows packages from outside the module.
type permit struct {
	paths []string // packages; "x/..." is x with all that lies below it
	only  []string // packages below pkg or cmd that may use them; empty: the whole ring
}

// foreign returns why a package may not import another from outside the module, with the way out, or "".
func foreign(from, to string) string {
	r := ringOf(from)
	if r > cmd {
		return "" // tools, demo and tests use what they need; docs/dependencies.md has the reason of each module
	}
	at := -1
	allowed := allowance(r)
	for i, p := range allowed {
		if p.covers(to) {
			if len(p.only) == 0 || slices.Contains(p.only, strings.TrimPrefix(from, module)) {
				return ""
			}
			at = i
		}
	}
	if at >= 0 {
		return fmt.Sprintf("in this ring only %s may: use the one that is there, or add this package to its permit in test/house/allowed.go, if it wraps the same outside thing",
			strings.Join(allowed[at].only, ", "))
	}
	return fmt.Sprintf("%s %s; move the code further out, or add the import to the ring's list in test/house/allowed.go, if the ring stays what it is", r, reason(r, to))
}

func (p permit) covers(to string) bool {
	return slices.ContainsFunc(p.paths, func(path string) bool {
		tree, below := strings.CutSuffix(path, "/...")
		return to == path || below && (to == tree || strings.HasPrefix(to, tree+"/"))
	})
}

// allowance returns all that a ring may import from outside the module.
func allowance(r ring) []permit {
	switch r {
	case values:
		return slices.Concat(pure(), objects(), valuesOnly())
	case decisions:
		return slices.Concat(pure(), objects(), decisionsOnly())
	case effects:
		return slices.Concat(pure(), objects(), system(), effectsOnly())
	case reconcilers:
		return slices.Concat(pure(), objects(), system())
	case programs:
		return slices.Concat(pure(), objects(), system(), programsOnly())
	default:
		return slices.Concat(pure(), objects(), system(), cmdOnly())
	}
}

// pure is the part of the standard library that only computes.
func pure() []permit {
	return []permit{{paths: []string{
		"bytes", "cmp", "container/...", "crypto/hmac", "crypto/sha256", "encoding/...", "errors", "fmt", "hash/...", "iter", "maps", "math", "math/bits",
		"net/netip", "net/url", "path", "reflect", "regexp", "slices", "sort", "strconv", "strings", "time", "unicode/...",
	}}}
}

// objects are Kubernetes' types and what computes with them, without a client.
func objects() []permit {
	return []permit{{paths: []string{
		"k8s.io/api/...", "k8s.io/utils/net", "k8s.io/utils/ptr",
		"k8s.io/apimachinery/pkg/api/equality", "k8s.io/apimachinery/pkg/api/resource", "k8s.io/apimachinery/pkg/apis/meta/v1",
		"k8s.io/apimachinery/pkg/fields", "k8s.io/apimachinery/pkg/labels", "k8s.io/apimachinery/pkg/runtime", "k8s.io/apimachinery/pkg/runtime/schema",
		"k8s.io/apimachinery/pkg/selection", "k8s.io/apimachinery/pkg/types", "k8s.io/apimachinery/pkg/util/intstr", "k8s.io/apimachinery/pkg/util/json",
		"k8s.io/apimachinery/pkg/util/sets", "k8s.io/apimachinery/pkg/util/validation/...",
	}}}
}

// system is the part of the standard library and of Kubernetes' libraries for what waits, reads, writes or logs.
func system() []permit {
	return []permit{{paths: []string{
		"bufio", "context", "io/...", "log/slog", "math/rand/v2", "mime", "net", "os", "path/filepath", "runtime", "sync/...", "syscall", "unique", "weak",
		"k8s.io/apimachinery/pkg/api/errors", "k8s.io/apimachinery/pkg/api/meta", "k8s.io/apimachinery/pkg/watch", "k8s.io/apimachinery/pkg/util/wait",
		"golang.org/x/sync/...",
	}}}
}

func valuesOnly() []permit {
	return []permit{
		{paths: []string{"google.golang.org/protobuf/encoding/protowire"}, only: []string{"pkg/values/apiwire"}},
	}
}

func decisionsOnly() []permit {
	return []permit{
		{paths: []string{"net"}, only: []string{"pkg/decisions/quarantine"}}, // HardwareAddr
		{paths: []string{"golang.org/x/mod/sumdb/...", "crypto/ed25519"}, only: []string{"pkg/decisions/translog"}},
		{paths: []string{"golang.org/x/net/http2/hpack"}, only: []string{"pkg/decisions/follow"}},
		{paths: []string{"runtime"}, only: []string{"pkg/decisions/seccomp"}},                                                             // GOARCH
		{paths: []string{"sigs.k8s.io/yaml"}, only: []string{"pkg/decisions/envoy", "pkg/decisions/tolerations", "pkg/decisions/window"}}, // the bootstrap, the settings and bodies of requests are documents of YAML
		{paths: []string{"k8s.io/pod-security-admission/..."}, only: []string{"pkg/decisions/admit"}},
		{paths: []string{"k8s.io/apiserver/pkg/apis/audit/v1"}, only: []string{"pkg/decisions/apiaudit"}},
		{paths: []string{"github.com/envoyproxy/go-control-plane/...", "github.com/cncf/xds/...", "google.golang.org/protobuf/..."}, only: []string{"pkg/decisions/envoy"}},
	}
}

// effectsOnly gives each outside thing to the effects that wrap it.
func effectsOnly() []permit {
	client := []string{
		"pkg/effects/agentexec", "pkg/effects/apiserving", "pkg/effects/hookcert", "pkg/effects/leases", "pkg/effects/metricsauth", "pkg/effects/podwatch", "pkg/effects/policywatch", "pkg/effects/upstream",
	}
	return []permit{
		{paths: []string{"golang.org/x/sys/unix"}},
		{paths: []string{"golang.org/x/mod/sumdb/...", "crypto/rand"}, only: []string{"pkg/effects/factlog", "pkg/effects/witnessfile"}},
		{paths: []string{"crypto/ed25519"}, only: []string{"pkg/effects/witnessfile"}},
		{paths: []string{"os/exec"}, only: []string{"pkg/effects/xtables"}}, // the iptables and ipset programs
		{paths: []string{"net/http"}, only: []string{"pkg/effects/apiserving", "pkg/effects/eventsocket", "pkg/effects/hookcert", "pkg/effects/localsock", "pkg/effects/metricsauth", "pkg/effects/otlplog", "pkg/effects/policywatch", "pkg/effects/upstream"}},
		{paths: []string{"crypto/tls", "crypto/x509"}, only: []string{"pkg/effects/apiserving", "pkg/effects/hookcert", "pkg/effects/metricsauth"}},
		{paths: []string{"github.com/open-policy-agent/cert-controller/...", "sigs.k8s.io/controller-runtime/...", "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"}, only: []string{"pkg/effects/hookcert"}},
		{paths: []string{"crypto/ecdsa", "crypto/elliptic", "crypto/rand", "crypto/x509/pkix", "math/big"}, only: []string{"pkg/effects/metricsauth"}},
		{paths: []string{"go.opentelemetry.io/proto/otlp/...", "google.golang.org/protobuf/proto"}, only: []string{"pkg/effects/otlplog"}},
		{paths: []string{"k8s.io/apiserver/..."}, only: []string{"pkg/effects/apiserving"}},
		{paths: []string{"runtime/debug"}, only: []string{"pkg/effects/buildinfo"}},
		{paths: []string{"unsafe"}, only: []string{"pkg/effects/dataplane", "pkg/effects/hostlink", "pkg/effects/sockets"}}, // a socket option's and an ioctl's buffer; an address of no family
		{paths: []string{"github.com/vishvananda/netlink/..."}, only: []string{
			"pkg/effects/dataplane", "pkg/effects/hostlink", "pkg/effects/netns", "pkg/effects/nodefilter", "pkg/effects/podhooks", "pkg/effects/podnet", "pkg/effects/sockets"}},
		{paths: []string{"github.com/google/nftables/..."}, only: []string{"pkg/effects/dataplane", "pkg/effects/hostlink", "pkg/effects/nodefilter", "pkg/effects/podhooks"}},
		{paths: []string{"github.com/coreos/go-iptables/..."}, only: []string{"pkg/effects/xtables"}},
		{paths: []string{"github.com/containernetworking/plugins/pkg/ns"}, only: []string{"pkg/effects/netns"}},
		{paths: []string{"github.com/fsnotify/fsnotify"}, only: []string{"pkg/effects/cniconf"}},
		{paths: []string{"github.com/containerd/nri/..."}, only: []string{"pkg/effects/nri"}},
		{paths: []string{"k8s.io/cri-api/...", "google.golang.org/grpc/..."}, only: []string{"pkg/effects/sandbox"}},
		{paths: []string{"k8s.io/client-go/..."}, only: client},
		{paths: []string{"golang.org/x/net/websocket", "k8s.io/streaming/pkg/httpstream/wsstream"}, only: []string{"pkg/effects/eventsocket"}},
		{paths: []string{"k8s.io/streaming/pkg/httpstream"}, only: []string{"pkg/effects/agentexec"}}, // the errors of an upgrade
		{paths: []string{"sigs.k8s.io/controller-runtime/pkg/cache", "sigs.k8s.io/controller-runtime/pkg/client"}, only: []string{"pkg/effects/podwatch"}},
	}
}

func programsOnly() []permit {
	server := []string{"pkg/programs/apiproxy", "pkg/programs/controller", "pkg/programs/guestreport", "pkg/programs/kubeconfig", "pkg/programs/nodeoffers", "pkg/programs/taintreport", "pkg/programs/webhook", "pkg/programs/workloads"}
	start := []string{"pkg/programs/cli", "pkg/programs/kubeconfig"}
	return []permit{
		{paths: []string{"text/tabwriter", "net/http"}},
		{paths: []string{"net/http/httputil", "k8s.io/apimachinery/pkg/util/uuid", "k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"}, only: []string{"pkg/programs/apiproxy"}},
		{paths: []string{"golang.org/x/mod/sumdb/note"}, only: []string{"pkg/programs/facts", "pkg/programs/witness"}},
		{paths: []string{"golang.org/x/mod/sumdb/tlog"}, only: []string{"pkg/programs/facts"}},
		{paths: []string{"crypto/ed25519"}, only: []string{"pkg/programs/witness"}},
		{paths: []string{"crypto/tls", "k8s.io/client-go/rest"}, only: []string{"pkg/programs/agentserver"}},
		{paths: []string{"crypto/hkdf", "crypto/tls", "github.com/go-logr/logr"}, only: []string{"pkg/programs/webhook"}},
		{paths: []string{"github.com/containernetworking/cni/..."}, only: []string{"pkg/programs/cniplugin"}},
		{paths: []string{"crypto", "crypto/x509/pkix"}, only: []string{"pkg/programs/kubeconfig"}}, // a request for a certificate
		{paths: []string{"crypto/rand"}, only: []string{"pkg/programs/workloads"}},                 // a mark of its own on what it keeps
		{paths: []string{"sigs.k8s.io/yaml"}, only: []string{"pkg/programs/kubectlplugin"}},
		{paths: []string{"html/template"}, only: []string{"pkg/programs/reportpage"}},
		{paths: []string{"github.com/prometheus/client_golang/..."}},
		{paths: []string{"k8s.io/client-go/util/workqueue"}},
		{paths: []string{"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"}, only: []string{"pkg/programs/controller", "pkg/programs/guestreport"}},
		{paths: []string{"k8s.io/client-go/...", "sigs.k8s.io/controller-runtime/..."}, only: server},
		{paths: []string{"os/signal", "github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/go-logr/logr", "k8s.io/klog/v2"}, only: start},
		{paths: []string{"k8s.io/client-go/rest", "k8s.io/client-go/tools/clientcmd/...", "sigs.k8s.io/controller-runtime/pkg/log"}, only: start},
	}
}

func cmdOnly() []permit {
	return []permit{
		{paths: []string{"net/http", "github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/prometheus/client_golang/...", "k8s.io/client-go/rest"}},
	}
}

// reason returns what keeps an import out of a ring: for well-known ones their own, for others the ring's.
func reason(r ring, to string) string {
	for _, known := range reasons() {
		if r <= known.upTo && (to == known.path || strings.HasPrefix(to, known.path+"/")) {
			return known.why
		}
	}
	return [...]string{
		"hold data and import what only computes",
		"turn data into data and import what only computes",
		"wrap one outside thing each, and each outside thing's library is given to the effects that wrap it",
		"keep one thing in the world as desired, of decisions and effects; clients, metrics and servers belong to programs, libraries of the kernel to effects",
		"put decisions, effects and reconcilers together; libraries of the kernel and of the runtime belong to effects",
		"parses flags, wires and exits",
	}[r]
}

// refusal is the reason for which rings up to one may not import a package and what lies below it.
type refusal struct {
	upTo      ring
	path, why string
}

func reasons() []refusal {
	return []refusal{
		{decisions, "context", "do no I/O: nothing in them can be cancelled, since they neither wait nor call out"},
		{decisions, "os", "do no I/O: they read no file and no environment, and start no process"},
		{decisions, "io", "do no I/O: they return bytes or text"},
		{decisions, "sync", "are pure functions: the caller owns locks and memory"},
		{decisions, "log", "return what they found; the caller logs it"},
		{decisions, "net/http", "do no I/O: they are passed what was received"},
		{decisions, "k8s.io/client-go", "are passed the objects that they decide about"},
		{decisions, "sigs.k8s.io/controller-runtime", "are passed the objects that they decide about"},
		{decisions, "github.com/coreos/go-iptables", "decide rules; pkg/effects/xtables runs the programs that write them"},
		{cmd, "os/exec", "start no process: programs of the node are run by the effect that wraps them"},
		{cmd, "flag", "read flags by github.com/spf13/pflag, as all programs do"},
		{programs, "github.com/spf13", "take settings as values; only cmd reads flags"},
		{cmd, "os/signal", "end with their context; only pkg/programs/cli receives signals"},
		{cmd, "log", "log by log/slog, in one form"},
		{cmd, "unsafe", "need a kernel interface that an effect wraps"},
		{cmd, "golang.org/x/sys", "do not call the kernel; an effect does"},
		{cmd, "github.com/vishvananda", "do not call the kernel; an effect does"},
		{cmd, "github.com/google/nftables", "do not call the kernel; an effect does"},
		{cmd, "github.com/coreos/go-iptables", "do not write rules; pkg/effects/xtables runs the programs that do"},
	}
}
