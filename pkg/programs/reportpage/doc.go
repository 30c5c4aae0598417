// Package reportpage writes the report for the security officer as one page of HTML that needs nothing else: no script, no font, no picture
// from elsewhere. All that a guest chose is escaped.
package reportpage
