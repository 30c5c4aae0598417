// What the module uses of Envoy 1.40's interface for modules (v0.2.0).
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
