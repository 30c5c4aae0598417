// Package fault names the steps of a pod's start, so that tests can end the agent at each of them, as kill -9 does. Without
// the build tag "faults" a step is an empty call, which the compiler leaves out.
package fault
