// Package leak tries every known way out of a foreign pod with the real rules, the real proxy and a real kernel. It makes
// the same attempts where other rules stand or none, to prove that it would see a leak. See README.md.
package leak
