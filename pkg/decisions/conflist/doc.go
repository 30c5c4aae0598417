// Package conflist adds a plugin to a CNI configuration list as its last one, or removes it, and changes no other byte (CNI
// specification 1.1, section 1).
package conflist
