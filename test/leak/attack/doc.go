// Package attack is a tenant who wants out: every way that is known to send a packet which the pod's proxy did not send, and
// every way to reach what belongs to the proxy. What really left the pod is judged by a capture outside, never by what the
// attempts report. It needs no capability; with CAP_NET_RAW it tries more.
package attack
