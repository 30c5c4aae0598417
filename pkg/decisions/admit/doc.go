// Package admit decides which objects are refused in a foreign namespace: pods that could bypass their proxy, and objects
// that open another way out. It covers pods in every form, of every author. Every refusal names the field and the
// remedy.
package admit
