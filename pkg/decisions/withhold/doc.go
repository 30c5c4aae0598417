// Package withhold decides which texts that a foreign pod's processes wrote, or could have chosen, are taken out of what the
// API shows: the guest reads statuses and Events of its pods, and each such text carries kilobytes past every proxy.
package withhold
