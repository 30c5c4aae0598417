package assign

// Functions and values that the tests use.
var (
	MembersOf = membersOf
)
