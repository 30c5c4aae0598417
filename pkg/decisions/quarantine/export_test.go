package quarantine

// Functions and values that the tests use.
var (
	Harmless = harmless
	Passes   = passes
)
