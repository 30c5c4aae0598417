package apiserving

import "crypto/sha256"

// owner is the hash of the name on which a token that was accepted counts. The zero value is that of a token that is not known.
type owner [sha256.Size]byte

// accepted are the hashes of tokens that were accepted, the last mostKnown of them and at most as many older ones, with their owners.
type accepted struct {
	last, older map[[sha256.Size]byte]owner
}

func (a *accepted) ownerOf(token string) owner {
	hash := sha256.Sum256([]byte(token))
	if of, last := a.last[hash]; last {
		return of
	}
	return a.older[hash]
}

func (a *accepted) note(token string, of owner) {
	if a.last == nil || len(a.last) >= mostKnown {
		a.last, a.older = map[[sha256.Size]byte]owner{}, a.last
	}
	a.last[sha256.Sum256([]byte(token))] = of
}
