// Package report adds up the events of a time into what the page of "kubectl dataspace report" shows. What it keeps is bounded, however
// much a guest has asked for.
package report
