package inject

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Settings is what the Hospital chooses about the proxy of its foreign pods.
type Settings struct {
	// Image is the proxy's container image; ParseImage tells what is accepted.
	Image string
	// Requests and Limits are the proxy's resources. A limit without a request is requested in full, as Kubernetes does.
	Requests, Limits corev1.ResourceList
	// Guest is the cluster id of whom the pod's namespace belongs to.
	Guest string
	// PriorityClasses are the PriorityClasses that a pod keeps; any other is replaced by apis.GuestPriorityClass.
	PriorityClasses []string
	// PriorityGrant names where the Hospital grants PriorityClasses, for a warning.
	PriorityGrant string
	// GuestPriority is the value of apis.GuestPriorityClass in the cluster; nil: unknown, so that the API server resolves it.
	GuestPriority *int32
	// NodeSelector is added to the node selector of each pod.
	NodeSelector map[string]string
	// AnyNode lets pods run on nodes without a ready agent, too.
	AnyNode bool
	// SeccompProfile is the profile of the node that every container gets (localhostProfile); empty: the runtime's own.
	SeccompProfile string
	// Module has the proxies pass all connections as bytes, while a module reads along; otherwise Envoy parses HTTP.
	Module bool
	// HTTPProxy adds http_proxy and HTTP_PROXY to containers that have neither.
	HTTPProxy bool
	// Room is what the pod's namespace asks of its containers.
	Room Room
	// Seal lets replicas of other settings recognise what this one injects.
	Seal Seal
}

// requests returns Requests completed by Limits, so that the API server's defaulting has nothing left to add.
func (s Settings) requests() corev1.ResourceList {
	all := corev1.ResourceList{}
	maps.Copy(all, s.Limits)
	maps.Copy(all, s.Requests)
	return all
}

// ParseReader reads what reads the requests that proxies record, and returns whether it is the module.
func ParseReader(text string) (module bool, err error) {
	switch text {
	case "codec", "module":
		return text == "module", nil
	}
	return false, fmt.Errorf("%q is unknown; give codec or module", text)
}

// The grammar of an image reference, from the OCI distribution specification and its reference implementation.
const (
	imageHost   = `(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[a-fA-F0-9:]+\])(?::[0-9]+)?`
	imagePart   = `[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*`
	imageTag    = `[\w][\w.-]{0,127}`
	imageDigest = `[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}`
	imageRef    = `^(?:` + imageHost + `/)?` + imagePart + `(?:/` + imagePart + `)*(?::` + imageTag + `)?(?:@` + imageDigest + `)?$`
)

// ParseImage returns ref when it is a container image reference, and an error that says what one looks like otherwise.
// An image that cannot even be named would only show as InvalidImageName on every foreign pod.
func ParseImage(ref string) (string, error) {
	if ref == "" {
		return "", fmt.Errorf("no image given; name one as [host[:port]/]path[:tag][@digest]")
	}
	if !regexp.MustCompile(imageRef).MatchString(ref) {
		return "", fmt.Errorf("%q is not an image reference; write it as [host[:port]/]path[:tag][@digest], the path in lower case", ref)
	}
	return ref, nil
}

// ParseResources reads "cpu=50m,memory=64Mi". Only cpu and memory are accepted, each at most once and above zero.
func ParseResources(text string) (corev1.ResourceList, error) {
	list := corev1.ResourceList{}
	if strings.TrimSpace(text) == "" {
		return list, nil
	}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, found := strings.Cut(strings.TrimSpace(pair), "=")
		key := corev1.ResourceName(name)
		if !found || (key != corev1.ResourceCPU && key != corev1.ResourceMemory) {
			return nil, fmt.Errorf("%q is not cpu=QUANTITY or memory=QUANTITY; write for example cpu=50m,memory=64Mi", pair)
		}
		if _, twice := list[key]; twice {
			return nil, fmt.Errorf("%s is given twice; keep one", name)
		}
		quantity, err := resource.ParseQuantity(value)
		if err != nil || quantity.Sign() <= 0 {
			return nil, fmt.Errorf("%q is not a quantity above zero; write for example cpu=50m,memory=64Mi", value)
		}
		list[key] = quantity
	}
	return list, nil
}

// CheckResources refuses requests above their limits, which the API server would refuse on every foreign pod.
func CheckResources(requests, limits corev1.ResourceList) error {
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		request, limit := requests[name], limits[name]
		if _, limited := limits[name]; limited && request.Cmp(limit) > 0 {
			return fmt.Errorf("the request %s=%s is above the limit %s; lower the request or raise the limit",
				name, request.String(), limit.String())
		}
	}
	return nil
}

// Seal is what a replica needs to seal and to verify. The zero value does neither.
type Seal struct {
	// Keys are the replicas' common keys: the first one seals, all verify. Two are valid while the key is replaced.
	Keys      [][]byte
	Now       time.Time
	Namespace string
}
