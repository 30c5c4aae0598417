// Package guestreport writes into each guest's namespace an OpenReports Report on whether the guest's pods are contained, and lets the guest
// read it.
package guestreport
