package seccomp

// Rule is what is done with calls whose arguments meet all conditions. Rules about one call do not overlap.
type Rule struct {
	// Names are names of system calls. libseccomp leaves out those that an architecture does not have.
	Names  []string `json:"names"`
	Action Action   `json:"action"`
	// ErrnoRet is what a call returns whose action is Errno; nil: EPERM.
	ErrnoRet *uint       `json:"errnoRet,omitempty"`
	Args     []Condition `json:"args,omitempty"`
}

// Condition compares an argument, all its 64 bits.
type Condition struct {
	// Index is the argument's, counted from 0.
	Index uint `json:"index"`
	// Value is what the argument is compared with; of MaskedEqual the mask, where ValueTwo is what the masked argument is.
	Value    uint64   `json:"value"`
	ValueTwo uint64   `json:"valueTwo,omitempty"`
	Op       Operator `json:"op"`
}

// Action is what is done with a call.
type Action string

// Operator is how an argument is compared.
type Operator string

// Actions and operators, as the OCI specification names them.
const (
	Allow Action = "SCMP_ACT_ALLOW"
	Errno Action = "SCMP_ACT_ERRNO"

	Equal       Operator = "SCMP_CMP_EQ"
	AtLeast     Operator = "SCMP_CMP_GE"
	Below       Operator = "SCMP_CMP_LT"
	MaskedEqual Operator = "SCMP_CMP_MASKED_EQ"
)

// Errors that refused calls return (errno(3)).
const (
	ePerm           = 1
	eNoSys          = 38
	eProtoNoSupport = 93
	eAFNoSupport    = 97
)
