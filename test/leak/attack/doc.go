// Package attack holds the attempts of a hostile tenant: every known way to send a packet past the pod's proxy, or to reach
// what belongs to the proxy. What really left the pod is judged by a capture outside, never by what the attempts report. It
// needs no capability; with CAP_NET_RAW it tries more.
package attack
