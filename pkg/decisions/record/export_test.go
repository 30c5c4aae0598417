package record

// Functions and values that the tests use.
var (
	ErrFormat = errFormat
)
