// Package conflist edits a CNI configuration list as text (CNI specification 1.1, section 1): one plugin is put last, or
// taken out, and no other byte changes.
package conflist
