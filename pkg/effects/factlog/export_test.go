package factlog

var (
	ErrDamaged = errDamaged
	ErrGone    = errGone
	ErrLocked  = errLocked
)
