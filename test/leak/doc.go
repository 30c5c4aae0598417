// Package leak tries every known way out of a foreign pod, with the real rules, the real proxy and a real kernel, and tries
// the same where there are other rules or none, to know that it would see a leak. See README.md.
package leak
