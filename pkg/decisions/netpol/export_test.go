package netpol

// Types that the tests name.
type (
	Together = together
)
