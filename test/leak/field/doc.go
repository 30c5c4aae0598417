// Package field runs the attacker in real foreign pods of a cluster whose nodes run on this machine: the lab.
package field
