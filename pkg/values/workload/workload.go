package workload

// Namespace is a namespace as the API server shows it.
type Namespace struct {
	Name   string
	Labels map[string]string
}

// Pod is a pod of this node as the API server shows it.
type Pod struct {
	Namespace, Name, UID string

	HostNetwork bool  // it has no network namespace of its own
	Done        bool  // it has run to its end: no sandbox of it will start again
	HasProxy    bool  // its spec names the proxy's container
	Stall       Stall // why the proxy's container does not run, as the kubelet reports it
}

// Stall is a container that waits, and why. The zero value is a container that does not wait.
type Stall struct {
	Reason, Message string
}

// State is the life of a container, as the runtime reports it.
type State string

// The states of CRI v1.
const (
	Created State = "Created"
	Running State = "Running"
	Exited  State = "Exited"
	Unknown State = "Unknown"
)

// Sandbox is one pod sandbox of this node as the runtime lists it. A pod may have several: those that died and one that
// lives.
type Sandbox struct {
	ID                   string
	Namespace, Name, UID string // of its pod

	Ready      bool
	CreatedAt  int64 // nanoseconds since 1970
	Containers []Container
}

// Container is one container of a sandbox.
type Container struct {
	ID, Name  string
	State     State
	CreatedAt int64 // nanoseconds since 1970
}
