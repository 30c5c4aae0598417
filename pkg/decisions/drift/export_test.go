package drift

var (
	Restarted = restarted
)
