// Package limit is a CoreDNS plugin that bounds how many questions one client may ask. One guest's questions then cannot push
// those of the others out of the resolver's log.
//
//	limit RATE BURST
//
// RATE is the number of questions a second that each client address may ask for as long as it wants, BURST the number that it
// may ask at once after a rest. A question above the limit gets REFUSED (RFC 8914 leaves the reason open, RFC 1035 section
// 4.1.1 defines the code) and no line of its own in the log. The plugin logs how many questions of a client it refused,
// at most once in ten seconds. The log therefore accounts for every question that the resolver has read.
package limit
