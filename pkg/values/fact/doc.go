// Package fact holds the one value for everything that happens on a node and is worth a line of its record, as one versioned line
// of JSON whose length and bytes are bounded, whatever a tenant chose as names.
package fact
