// Package house holds tests about the shape of the code: who may import whom, and how long a main may be.
package house
