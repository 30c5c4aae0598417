package machine

import "strings"

// Spec is all that a machine's first process needs to know.
type Spec struct {
	Name string
	// Binds are the directories that are the machine's own: it sees From at To. Both exist beforehand.
	Binds []Bind
	// Sysctls are kernel settings of the machine's network namespace, by dotted name.
	Sysctls map[string]string
	// Pretended are settings of the whole kernel that programs in the machine insist on: inside the machine they read
	// as given, and the kernel's own value stays as it is.
	Pretended map[string]string
	// Programs run until the machine ends; one that exits is started again a second later.
	Programs []Program
	// LogDir gets a file NAME.log per program. It exists beforehand.
	LogDir string
}

// Bind is one directory that a machine sees elsewhere than it is.
type Bind struct{ From, To string }

// Program is one command that a machine keeps running.
type Program struct {
	Name string
	Path string
	Args []string
	Env  []string
}

// sysctlPath is the file of a dotted kernel setting.
func sysctlPath(name string) string { return "/proc/sys/" + strings.ReplaceAll(name, ".", "/") }
