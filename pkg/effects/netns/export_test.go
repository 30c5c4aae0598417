package netns

// Functions and values that the tests use.
var (
	ErrHost = errHost
)
