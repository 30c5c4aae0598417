package translog

var ErrContradiction = errContradiction
