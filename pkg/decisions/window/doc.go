// Package window decides what of the API a caller sees through the API proxy: who the caller is to the Hospital, and whether a request passes
// in the caller's name, is narrowed to what belongs to the caller, or is answered as if the object did not exist.
package window
