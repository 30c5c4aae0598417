// Package trial makes the attempts of an attacker one after the other, captures what meanwhile passes the node's end of the
// pod's veth, and judges: what the proxy's sockets did not send is a leak, and so is an answer of what must not answer.
package trial
