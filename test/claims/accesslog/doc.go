// Package accesslog reads the JSON lines that a foreign pod's proxy writes.
package accesslog
