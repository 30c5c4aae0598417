// Package limits decides how large an object of a guest may be, before the object is decoded, and how much is reported about
// it. So the work that one request causes has a bound, whichever judgement comes later.
package limits
