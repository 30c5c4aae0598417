package proxymemory

// Kept is the number of pods that are kept.
func (r *Reports) Kept() int { return len(r.of) }
