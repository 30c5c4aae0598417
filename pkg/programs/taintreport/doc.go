// Package taintreport reports, in the status of each ProtectedTaint, the pods that run although they would be refused now.
package taintreport
