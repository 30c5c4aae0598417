// Package agentserver serves what an agent answers: the status of its node on a unix socket, metrics and probes by HTTP.
package agentserver
