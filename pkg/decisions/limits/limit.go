package limits

// step is one element of a path: a name, or an index of a list.
type step struct {
	name  string
	index int
}

// The limits that hold for each object. Real workloads stay far below: a pod of 20 containers with 100 variables each has
// 6,000 values, an EndpointSlice with the 1,000 endpoints that the API allows some 13,000.
const (
	// maxBytes is the size of an object as JSON. What a ConfigMap or a Secret holds does not count: it is not decoded.
	maxBytes = 1 << 20
	// maxValues is the number of JSON values in an object, at all depths.
	maxValues = 30_000
	// maxDepth is how deep values may be nested. The deepest field of a pod is at 13.
	maxDepth = 32
	// MaxEntries is the length of a list or a map that entriesOf does not name.
	MaxEntries = 256
	// maxLongList is the length of the lists that are long in real workloads.
	maxLongList = 1000
	// maxContainers is the number of containers of each kind.
	maxContainers = 100
	// maxString is the length of a text. The kernel takes 128 KiB for an argument or a variable, the API server 256 KiB for all
	// annotations together.
	maxString = 256 << 10
	// maxKey is the length of a map's key. A qualified name has 317 bytes at most.
	maxKey = 512
)

// entriesOf returns how many entries a list or map with this name may have.
func entriesOf(name string) int {
	switch name {
	case "containers", "initContainers", "ephemeralContainers":
		return maxContainers
	case "env", "args", "command", "values", "items",
		// The API server's own limit of an EndpointSlice, and the controller's of an Endpoints.
		"endpoints", "addresses", "notReadyAddresses":
		return maxLongList
	}
	return MaxEntries
}

// opaque reports whether a value is never decoded, so that its content does not count: what a ConfigMap or a Secret holds,
// and what the API server notes about the owners of fields.
func opaque(path []step) bool {
	switch len(path) {
	case 1:
		return path[0].name == "data" || path[0].name == "binaryData" || path[0].name == "stringData"
	case 4:
		return path[0].name == "metadata" && path[1].name == "managedFields" && path[3].name == "fieldsV1"
	}
	return false
}
