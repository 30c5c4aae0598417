// Package trial makes an attacker's attempts one after the other, captures the pod's link meanwhile, and decides what is a
// leak. A leak is a packet that the proxy's sockets did not send, or an answer from where no answer may come.
package trial
