package limits

// Constants that the tests name.
const (
	MaxDepth    = maxDepth
	MaxFindings = maxFindings
	MaxKey      = maxKey
	MaxReport   = maxReport
)
