package netpolicy

// Functions and values that the tests use.
var (
	ProtocolOf = protocolOf
	SelectorOf = selectorOf
)
