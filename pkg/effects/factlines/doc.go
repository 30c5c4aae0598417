// Package factlines writes what a program of Data Spacer did and refused as lines of its standard output, from which the agent of its node takes
// them into the log of facts.
package factlines
