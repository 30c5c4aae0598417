// Package agent keeps every foreign pod of its node enforced. It joins what the API server and the container runtime report,
// enters each pod's network namespace, writes the planned ruleset, and reads it back.
package agent
