package iptables

import "strconv"

// Owner matches packets of sockets that a process with this user holds. Packets without a socket match no owner.
type Owner struct{ UID int64 }

// Prose is the user.
func (m Owner) Prose(Names) string { return "its socket's user is " + strconv.FormatInt(m.UID, 10) }

func (m Owner) words(to []string) []string {
	return extension(to, "owner", false, "--uid-owner", strconv.FormatInt(m.UID, 10))
}

// Unowned matches packets whose socket has no user: no process holds it, or there is no socket.
type Unowned struct{}

// Prose is what the match means.
func (Unowned) Prose(Names) string { return "no process owns it" }

func (Unowned) words(to []string) []string {
	return extension(to, "owner", true, "--uid-owner", "0-4294967294")
}

// Cgroup matches packets of sockets whose cgroup2 is the one at the path, or below it.
type Cgroup struct {
	Path string // as in /proc/PID/cgroup, in the cgroup namespace of the program that writes the rule
	Not  bool
}

// Prose names the cgroup.
func (m Cgroup) Prose(names Names) string {
	name, known := names.Cgroups[m.Path]
	if !known {
		name = "`" + m.Path + "`"
	}
	return "its socket's cgroup is " + negated(m.Not, "at or below "+name)
}

func (m Cgroup) words(to []string) []string {
	return extension(to, "cgroup", m.Not, "--path", m.Path)
}

// Listener matches packets whose destination is an address and port on which a socket of the namespace listens, or has
// a connection with the packet's source.
type Listener struct{}

// Prose is what the match means.
func (Listener) Prose(Names) string { return "to an address and port on which a socket listens" }

func (Listener) words(to []string) []string { return extension(to, "socket", false, "--nowildcard") }

// InSet matches packets whose address at the given end is in an IP set.
type InSet struct {
	Name     string
	End      End
	WithPort bool // the set holds addresses with ports: the destination's address with its port is in it
	Not      bool
}

// Prose names the set.
func (m InSet) Prose(Names) string {
	text := m.End.pick("from an address", "to an address")
	if m.WithPort {
		text += " and port"
	}
	return text + " that is " + negated(m.Not, "in the set `"+m.Name+"`")
}

func (m InSet) words(to []string) []string {
	end := m.End.pick("src", "dst")
	if m.WithPort {
		end += "," + end
	}
	return extension(to, "set", m.Not, "--match-set", m.Name, end)
}
