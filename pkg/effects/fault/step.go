package fault

// Step is a moment of a pod's start.
type Step string

// The steps, in their order. Those of a write come once for each family and each write.
const (
	Asked            Step = "asked"             // the gate has read the CNI plugin's question
	Judged           Step = "judged"            // the pod is foreign
	Noted            Step = "noted"             // the ledger knows of the sandbox
	Looked           Step = "looked"            // what the kernel holds was read; it is another thing than planned
	Written          Step = "written"           // the rules of one family are in
	Verified         Step = "verified"          // they were read back
	Remembered       Step = "remembered"        // the ledger knows that they are in
	Answered         Step = "answered"          // the plugin has its answer
	SandboxAnnounced Step = "sandbox-announced" // the runtime has told of the sandbox by NRI
	ProxyAnnounced   Step = "proxy-announced"   // and of the proxy's process, which has not run yet
	Bound            Step = "bound"             // the exemption is the proxy's
)

// Steps is all of them.
func Steps() []Step {
	return []Step{Asked, Judged, Noted, Looked, Written, Verified, Remembered, Answered, SandboxAnnounced, ProxyAnnounced, Bound}
}
