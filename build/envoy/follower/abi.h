// What the module uses of Envoy 1.40's interface for modules (v0.2.0).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *ptr;
  size_t length;
} chunk;

typedef bool (*address_of)(void *filter, chunk *address, uint32_t *port);

uint64_t envoy_dynamic_module_callback_network_filter_get_connection_id(void *filter);
bool envoy_dynamic_module_callback_network_filter_get_local_address(void *filter, chunk *address, uint32_t *port);
bool envoy_dynamic_module_callback_network_filter_get_direct_remote_address(void *filter, chunk *address, uint32_t *port);
size_t envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks_size(void *filter);
bool envoy_dynamic_module_callback_network_filter_get_read_buffer_chunks(void *filter, chunk *chunks);
size_t envoy_dynamic_module_callback_network_filter_get_write_buffer_chunks_size(void *filter);
bool envoy_dynamic_module_callback_network_filter_get_write_buffer_chunks(void *filter, chunk *chunks);
void envoy_dynamic_module_callback_network_set_dynamic_metadata_string(void *filter, chunk space, chunk key, chunk value);
void envoy_dynamic_module_callback_log(int level, chunk message);
int64_t envoy_dynamic_module_callback_listener_filter_get_socket_fd(void *filter);

// log_line writes a line of Envoy's own log, at the level "warning".
static inline void log_line(const char *text, size_t length) {
  chunk message = {text, length};
  envoy_dynamic_module_callback_log(3, message);
}

// describe sets a value that the access log of the connection prints.
static inline void describe(void *filter, const char *key, size_t key_length, const char *value, size_t length) {
  const chunk space = {"data_space", 10}, name = {key, key_length}, text = {value, length};
  envoy_dynamic_module_callback_network_set_dynamic_metadata_string(filter, space, name, text);
}
