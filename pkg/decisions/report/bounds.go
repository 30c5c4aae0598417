package report

// Bounds of a page. What exceeds them is counted, and the page shows the count.
const (
	MostAsked  = 300 // rows of one guest about what was asked of whom
	MostListed = 200 // events of one list: the newest
	MostPods   = 500 // of one guest
	mostGuests = 100
	longest    = 160 // characters of a path
	mostText   = 640 // characters of an event of a list
	Buckets    = 60  // columns of a plot
)
