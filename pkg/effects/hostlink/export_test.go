package hostlink

// Functions and values that the tests use.
var (
	ErrLoose = errLoose
)
