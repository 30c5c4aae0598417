// Package withhold decides which texts of a foreign pod's processes are removed from statuses and Events before the API
// shows them. The guest reads statuses and Events of its pods, and each such text carries kilobytes past every proxy.
package withhold
