// Package field brings the attacker into real foreign pods of a cluster whose nodes run on this machine: the lab.
package field
