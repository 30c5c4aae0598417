// Package limits decides how large a guest's object may be, before the object is decoded, and how many problems of it are
// reported. So the work that one request causes has a bound, whichever judgement comes later.
package limits
