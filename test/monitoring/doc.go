// Package monitoring evaluates the queries of deploy/monitoring with the engine of Prometheus. It is a module of its own, since that engine brings more modules than all of Data Spacer.
package monitoring
