package main

/*
#cgo LDFLAGS: -Wl,--unresolved-symbols=ignore-all
#include <stdlib.h>
#include "abi.h"
*/
import "C"

import (
	"runtime/cgo"
	"unsafe"

	"data-space.liqo.io/pkg/decisions/follow"
)

func main() {}

// What a filter's functions return: whether the bytes go on.
const (
	proceed = 0
	stop    = 1
)

// Envoy calls the functions below; it alone gives them their pointers. Handles of Go's values are what it keeps for the module, each in a
// piece of C's memory.

func keep(v any) unsafe.Pointer {
	p := C.malloc(C.size_t(unsafe.Sizeof(cgo.Handle(0))))
	*(*cgo.Handle)(p) = cgo.NewHandle(v)
	return p
}

func kept[T any](p unsafe.Pointer) T { return (*cgo.Handle)(p).Value().(T) }

func release(p unsafe.Pointer) {
	(*cgo.Handle)(p).Delete()
	C.free(p)
}

//export envoy_dynamic_module_on_program_init
func envoy_dynamic_module_on_program_init() *C.char {
	all.heap.limit()
	go all.again()
	return C.CString("v0.2.0")
}

//export envoy_dynamic_module_on_network_filter_config_new
func envoy_dynamic_module_on_network_filter_config_new(filter unsafe.Pointer, name, direction C.chunk) unsafe.Pointer { //nolint:revive // C needs names
	return keep(C.GoStringN(direction.ptr, C.int(direction.length)))
}

//export envoy_dynamic_module_on_network_filter_config_destroy
func envoy_dynamic_module_on_network_filter_config_destroy(config unsafe.Pointer) { release(config) }

//export envoy_dynamic_module_on_network_filter_new
func envoy_dynamic_module_on_network_filter_new(config, filter unsafe.Pointer) unsafe.Pointer {
	c := &connection{filter: filter, socket: all.accepted}
	c.Connection = uint64(C.envoy_dynamic_module_callback_network_filter_get_connection_id(filter))
	c.Direction = kept[string](config)
	all.mutex.Lock()
	defer all.mutex.Unlock()
	all.open[c] = struct{}{}
	return keep(c)
}

//export envoy_dynamic_module_on_network_filter_new_connection
func envoy_dynamic_module_on_network_filter_new_connection(filter, state unsafe.Pointer) C.int {
	c := kept[*connection](state)
	c.Caller = address(func(a *C.chunk, port *C.uint32_t) C.bool {
		return C.envoy_dynamic_module_callback_network_filter_get_direct_remote_address(filter, a, port)
	})
	c.Destination = address(func(a *C.chunk, port *C.uint32_t) C.bool {
		return C.envoy_dynamic_module_callback_network_filter_get_local_address(filter, a, port)
	})
	return proceed
}

//export envoy_dynamic_module_on_network_filter_read
func envoy_dynamic_module_on_network_filter_read(filter, state unsafe.Pointer, size C.size_t, end C.bool) C.int { //nolint:revive // C needs names
	c := kept[*connection](state)
	if c.Direction == "" || c.Done(follow.Requests) && !c.stopped {
		return proceed
	}
	chunks := make([]C.chunk, C.envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks_size(filter))
	switch {
	case len(chunks) > 0:
		C.envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks(filter, &chunks[0])
	case !bool(end):
		return proceed
	}
	return pass(c, follow.Requests, chunks, bool(end))
}

//export envoy_dynamic_module_on_network_filter_write
func envoy_dynamic_module_on_network_filter_write(filter, state unsafe.Pointer, size C.size_t, end C.bool) C.int { //nolint:revive // C needs names
	c := kept[*connection](state)
	c.reached()
	if c.Direction == "" || c.Done(follow.Answers) && !c.stopped {
		return proceed
	}
	chunks := make([]C.chunk, C.envoy_dynamic_module_callback_network_filter_get_write_buffer_chunks_size(filter))
	if len(chunks) == 0 {
		return proceed
	}
	C.envoy_dynamic_module_callback_network_filter_get_write_buffer_chunks(filter, &chunks[0])
	return pass(c, follow.Answers, chunks, false)
}

// The events are the beginning of the connection, and its end, behind which its line of the access log comes.
//
//export envoy_dynamic_module_on_network_filter_event
func envoy_dynamic_module_on_network_filter_event(filter, state unsafe.Pointer, event C.int) { //nolint:revive // C needs names
	all.mutex.Lock()
	defer all.mutex.Unlock()
	defer func() { _ = recover() }() // the proxy goes on
	all.ended(kept[*connection](state))
}

//export envoy_dynamic_module_on_network_filter_destroy
func envoy_dynamic_module_on_network_filter_destroy(state unsafe.Pointer) {
	all.mutex.Lock()
	defer all.mutex.Unlock()
	defer func() { _ = recover() }() // the proxy goes on
	all.close(kept[*connection](state))
	release(state)
}

// pass returns whether the bytes go on; last is true for the last ones of the client. They do not go on if their lines could not be written, or
// if the reader fails.
func pass(c *connection, side follow.Side, chunks []C.chunk, last bool) (result C.int) {
	all.mutex.Lock()
	defer all.mutex.Unlock()
	defer func() { _ = recover() }()
	result = stop // unless all goes well
	if !c.stopped {
		c.stopped = true
		c.stopped = !all.pass(c, side, pieces(chunks), last)
	}
	if !c.stopped {
		result = proceed
	}
	return result
}

// describe sets what the access log prints of the connection.
func describe(filter unsafe.Pointer, key, value string) {
	k, v := []byte(key), []byte(value)
	C.describe(filter, (*C.char)(unsafe.Pointer(&k[0])), C.size_t(len(k)), (*C.char)(unsafe.Pointer(&v[0])), C.size_t(len(v)))
}

// pieces are Envoy's bytes, which are there until the function that it called returns.
func pieces(chunks []C.chunk) [][]byte {
	all := make([][]byte, 0, len(chunks))
	for _, c := range chunks {
		if c.length > 0 {
			all = append(all, unsafe.Slice((*byte)(unsafe.Pointer(c.ptr)), c.length))
		}
	}
	return all
}

func address(of func(a *C.chunk, port *C.uint32_t) C.bool) string {
	var a C.chunk
	var port C.uint32_t
	if !of(&a, &port) {
		return "-"
	}
	return join(C.GoStringN(a.ptr, C.int(a.length)), uint32(port))
}
