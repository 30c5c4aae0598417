package main

/*
#include "abi.h"
*/
import "C"

import (
	"syscall"
	"unsafe"
)

// The filter of the listener only notes the socket of a connection, which Envoy shows to no other filter. The connection's own filter begins
// before another one is accepted, since Envoy has one worker.
//
// The listener's sockets reset the connections that Envoy closes (SO_LINGER, package envoy), which is right where the destination could not be
// reached. A connection whose destination has sent something, be it only the end of its side, ends as Envoy ends it.

//export envoy_dynamic_module_on_listener_filter_config_new
func envoy_dynamic_module_on_listener_filter_config_new(config unsafe.Pointer, name, text C.chunk) unsafe.Pointer { //nolint:revive // C needs names
	return config
}

//export envoy_dynamic_module_on_listener_filter_config_destroy
func envoy_dynamic_module_on_listener_filter_config_destroy(config unsafe.Pointer) {} //nolint:revive // C needs names

//export envoy_dynamic_module_on_listener_filter_new
func envoy_dynamic_module_on_listener_filter_new(config, filter unsafe.Pointer) unsafe.Pointer { //nolint:revive // C needs names
	return filter
}

//export envoy_dynamic_module_on_listener_filter_on_accept
func envoy_dynamic_module_on_listener_filter_on_accept(filter, state unsafe.Pointer) C.int { //nolint:revive // C needs names
	all.accepted = int(C.envoy_dynamic_module_callback_listener_filter_get_socket_fd(filter))
	return proceed
}

//export envoy_dynamic_module_on_listener_filter_on_data
func envoy_dynamic_module_on_listener_filter_on_data(filter, state unsafe.Pointer, size C.size_t) C.int { //nolint:revive // C needs names
	return proceed
}

//export envoy_dynamic_module_on_listener_filter_on_close
func envoy_dynamic_module_on_listener_filter_on_close(filter, state unsafe.Pointer) {} //nolint:revive // C needs names

//export envoy_dynamic_module_on_listener_filter_get_max_read_bytes
func envoy_dynamic_module_on_listener_filter_get_max_read_bytes(filter, state unsafe.Pointer) C.size_t { //nolint:revive // C needs names
	return 0
}

//export envoy_dynamic_module_on_listener_filter_destroy
func envoy_dynamic_module_on_listener_filter_destroy(state unsafe.Pointer) {} //nolint:revive // C needs names

// The module asks for neither of these two, but Envoy refuses a module without them.

//export envoy_dynamic_module_on_listener_filter_scheduled
func envoy_dynamic_module_on_listener_filter_scheduled() {}

//export envoy_dynamic_module_on_listener_filter_http_callout_done
func envoy_dynamic_module_on_listener_filter_http_callout_done() {}

// reached takes the reset off a connection whose destination has been reached. Envoy calls it before the bytes go on, so the socket is open.
func (c *connection) reached() {
	if c.socket == none {
		return
	}
	_ = syscall.SetsockoptLinger(c.socket, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{})
	c.socket = none
}
