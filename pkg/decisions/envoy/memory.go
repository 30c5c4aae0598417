package envoy

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	overloadv3 "github.com/envoyproxy/go-control-plane/envoy/config/overload/v3"
	connectionsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
	heapv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/fixed_heap/v3"
	"google.golang.org/protobuf/proto"
)

// Whoever fills the proxy's memory has it killed, and with it every connection of the pod. Two things bound it. What one
// connection can make the proxy hold is small (bufferLimit, the windows of HTTP/2, the size of header lists). And the
// proxy measures its heap: it refuses connections and requests and resets the largest streams before the heap is full. Envoy
// counts buffers for streams of HTTP/2 only: what waits for a reader of HTTP/1 or TCP is bounded by the number of connections
// and bufferLimit alone, whatever the heap's size, and that of DefaultMaxConnections fits in the smallest limit (package inject).
// How much the heap is follows the container's memory limit, which the webhook sets: it hands HeapKey over on the command line.
// Measuring the container's control group instead would need no number, but the memory allocator keeps what was freed: the
// proxy would refuse connections long after an attempt has ended.
const (
	// HeapKey is the runtime key of the heap's size in bytes.
	HeapKey = "data_space_proxy.heap_bytes"
	// defaultMemory is the memory limit for which the heap is sized when nothing sets HeapKey.
	defaultMemory = 256 << 20

	monitorMemory      = "envoy.resource_monitors.fixed_heap"
	monitorConnections = "envoy.resource_monitors.global_downstream_max_connections"

	// memoryInterval is how often memory is measured. What a tenant can fill in this time must fit above the last threshold.
	memoryInterval = 50 * time.Millisecond
	// trackedBytes is the power of two from which on a stream's buffers count for resetting the largest.
	trackedBytes = 14
	// releasedBytes is how much of what is free is given back to the kernel each second.
	releasedBytes = 32 << 20

	// Parts of the heap, in percent.
	memoryTight = 75 // give back what is free, close idle connections, reset the largest streams, the more the nearer memoryFull is
	memoryHigh  = 85 // refuse new connections and requests
	memoryFull  = 92 // end connections that send
)

// Heap returns the size of the heap in a container with that memory limit, in bytes. The rest is for the program itself, for
// what the kernel keeps in the container's name, and for what comes in between two measurements.
func Heap(limit int64) int64 { return limit / 100 * 65 }

// Heaps returns the sizes of the heaps of Envoy and of the module that reads along, in a container with that memory limit.
func Heaps(limit int64, module bool) (envoy, reader int64) {
	const share = 6 // of which the module has one
	if module {
		reader = limit / share
	}
	return Heap(limit - reader), reader
}

// requestLimit bounds the requests that wait at one time for an answer from one cluster, over all connections: each holds its headers and
// trailers. More than 1024 take more connections than the default, and more memory.
func (b *builder) requestLimit() uint32 { return max(DefaultMaxConnections, b.settings.MaxConnections) }

// mostConnections bounds the connections of clients over all listeners. Probes count as well: Envoy cannot exempt them (see limits).
func (b *builder) mostConnections() int64 { return int64(b.settings.MaxConnections) + spareConnections }

func (b *builder) overload() *overloadv3.OverloadManager {
	return &overloadv3.OverloadManager{
		RefreshInterval: duration(memoryInterval),
		ResourceMonitors: []*overloadv3.ResourceMonitor{
			b.monitor(monitorMemory, &heapv3.FixedHeapConfig{MaxHeapSizeBytesRuntime: &corev3.RuntimeUInt64{
				DefaultValue: uint64(Heap(defaultMemory)), RuntimeKey: HeapKey, //nolint:gosec // positive
			}}),
			b.monitor(monitorConnections, &connectionsv3.DownstreamConnectionsConfig{MaxActiveDownstreamConnections: b.mostConnections()}),
		},
		BufferFactoryConfig: &overloadv3.BufferFactoryConfig{MinimumAccountToTrackPowerOfTwo: trackedBytes},
		Actions: []*overloadv3.OverloadAction{
			action("shrink_heap", above(memoryTight)),
			action("close_idle_http_connections", between(memoryTight, memoryFull)),
			action("reset_high_memory_stream", between(memoryTight, memoryFull)),
			action("disable_http_keepalive", above(memoryHigh)),
			action("reject_incoming_connections", above(memoryHigh)),
			action("stop_accepting_requests", above(memoryHigh)),
		},
		LoadshedPoints: []*overloadv3.LoadShedPoint{
			shed("tcp_listener_accept", above(memoryHigh)),
			shed("tcp_proxy_upstream_connect", above(memoryHigh)),
			shed("hcm_ondata_creating_codec", above(memoryHigh)),
			shed("tcp_proxy_on_data", above(memoryFull)),
			shed("http1_server_abort_dispatch", above(memoryFull)),
			shed("http2_server_go_away_and_close_on_dispatch", above(memoryFull)),
		},
	}
}

func (b *builder) monitor(name string, config proto.Message) *overloadv3.ResourceMonitor {
	return &overloadv3.ResourceMonitor{Name: name, ConfigType: &overloadv3.ResourceMonitor_TypedConfig{TypedConfig: b.any(config)}}
}

// above triggers fully when the share of the heap in use is at least percent.
func above(percent float64) *overloadv3.Trigger {
	return &overloadv3.Trigger{Name: monitorMemory, TriggerOneof: &overloadv3.Trigger_Threshold{
		Threshold: &overloadv3.ThresholdTrigger{Value: percent / 100},
	}}
}

// between triggers more and more from low on, and fully at high.
func between(low, high float64) *overloadv3.Trigger {
	return &overloadv3.Trigger{Name: monitorMemory, TriggerOneof: &overloadv3.Trigger_Scaled{
		Scaled: &overloadv3.ScaledTrigger{ScalingThreshold: low / 100, SaturationThreshold: high / 100},
	}}
}

func action(name string, t *overloadv3.Trigger) *overloadv3.OverloadAction {
	return &overloadv3.OverloadAction{Name: "envoy.overload_actions." + name, Triggers: []*overloadv3.Trigger{t}}
}

func shed(name string, t *overloadv3.Trigger) *overloadv3.LoadShedPoint {
	return &overloadv3.LoadShedPoint{Name: "envoy.load_shed_points." + name, Triggers: []*overloadv3.Trigger{t}}
}
