package guard

// Constants that the tests name.
const (
	Unknown = unknown
)
