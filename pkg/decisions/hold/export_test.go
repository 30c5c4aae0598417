package hold

// Constants that the tests name.
const (
	ForeignNamespace = foreignNamespace
	Marked           = marked
	NoSuchNamespace  = noSuchNamespace
	NotForeign       = notForeign
	OptedOut         = optedOut
	UnknownNamespace = unknownNamespace
	Unmarked         = unmarked
)
