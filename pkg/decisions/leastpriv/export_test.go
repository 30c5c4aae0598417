package leastpriv

const (
	NamesLimit   = namesLimit
	SourcesLimit = sourcesLimit
	TextLimit    = textLimit
)

var (
	FindNames    = findNames
	HasOwnPolicy = hasOwnPolicy
)
