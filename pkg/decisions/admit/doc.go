// Package admit decides what may not enter a foreign namespace: pods that could get past their proxy, whoever brings them
// in whichever form, and the objects that open a way out beside it. Every refusal names the field and the way out.
package admit
