// Package podwatch watches the pods of the agent's node and all namespaces, and writes Events and one condition on these
// pods. Watched objects are stripped to the fields that are used.
package podwatch
