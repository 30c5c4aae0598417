// Package agent keeps every foreign pod of its node enforced: it joins what the API server and the container runtime say,
// enters each pod's network namespace, makes it hold the planned ruleset, and reads it back.
package agent
