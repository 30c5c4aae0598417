package seccomp_test

import (
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/seccomp"
)

var update = flag.Bool("update", false, "write the goldens in testdata anew")

func TestGoldens(t *testing.T) {
	for _, arch := range seccomp.Architectures() {
		text, err := seccomp.ProfileFor(arch).JSON()
		require.NoError(t, err)
		file := "testdata/" + arch + ".json"
		if *update {
			require.NoError(t, os.WriteFile(file, text, 0o600))
		}
		golden, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(golden), string(text), "run with -update after looking at the change; the profile's name changes with it")
	}
	name, err := seccomp.Name()
	require.NoError(t, err)
	require.Regexp(t, `^data-spacer/sockets-[0-9a-f]{12}\.json$`, name)
}

// verdict is what the profile does with a call: the errno, or 0. Rules that match both allow and refuse fail the test.
func verdict(t *testing.T, p seccomp.Profile, name string, args ...uint64) uint {
	t.Helper()
	out, found := p.DefaultErrnoRet, false
	for _, r := range p.Syscalls {
		if !slices.Contains(r.Names, name) || !meets(r.Args, args) {
			continue
		}
		result := uint(0)
		if r.Action == seccomp.Errno {
			result = *r.ErrnoRet
		}
		require.True(t, !found || result == out, "%s%v: rules overlap", name, args)
		out, found = result, true
	}
	return out
}

func meets(conditions []seccomp.Condition, args []uint64) bool {
	for _, c := range conditions {
		v := args[c.Index]
		met := map[seccomp.Operator]bool{
			seccomp.Equal: v == c.Value, seccomp.AtLeast: v >= c.Value, seccomp.Below: v < c.Value, seccomp.MaskedEqual: v&c.Value == c.ValueTwo,
		}[c.Op]
		if !met {
			return false
		}
	}
	return true
}

func TestOnlyTheseSocketsAreMade(t *testing.T) {
	const beyond32 = 1 << 32 // the kernel does not look at it
	for _, arch := range seccomp.Architectures() {
		p := seccomp.ProfileFor(arch)
		for family := uint64(0); family < 300; family++ {
			for protocol := uint64(0); protocol < 600; protocol++ {
				ip := family == 2 || family == 10
				netlink := family == 16
				want := uint(97)
				switch {
				case family == 1, ip && (protocol < 256 || protocol == 262), netlink && (protocol == 0 || protocol == 4 || protocol == 15):
					want = 0
				case ip, netlink:
					want = 93
				}
				require.Equal(t, want, verdict(t, p, "socket", family, 1, protocol), "%d %d", family, protocol)
			}
			require.NotZero(t, verdict(t, p, "socket", family|beyond32, 1, 0), family)
			require.NotZero(t, verdict(t, p, "socket", 2, 1, family|beyond32), family)
			require.NotZero(t, verdict(t, p, "socket", 16, 1, family|beyond32), family)
			require.Equal(t, family != 1, verdict(t, p, "socketpair", family, 1, 0) != 0, family)
		}
		require.NotZero(t, verdict(t, p, "socket", ^uint64(0), 1, 0))
	}
}

func TestWhatElseIsRefused(t *testing.T) {
	p := seccomp.ProfileFor("amd64")
	for _, name := range []string{
		"io_uring_setup", "io_uring_enter", "io_uring_register", "socketcall", "unshare", "setns", "mount", "umount2", "bpf", "keyctl", "add_key",
		"request_key", "perf_event_open", "userfaultfd", "init_module", "finit_module", "delete_module", "kexec_load", "open_by_handle_at", "pidfd_getfd",
		"kcmp", "fsopen", "move_mount", "open_tree", "pivot_root", "reboot", "syslog", "swapon", "acct", "a_call_of_tomorrow",
	} {
		require.Equal(t, uint(1), verdict(t, p, name), name)
	}
	require.Equal(t, uint(38), verdict(t, p, "clone3"))
	for _, flag := range []uint64{0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000} {
		require.Equal(t, uint(1), verdict(t, p, "clone", flag|17), "%#x", flag)
	}
	require.Zero(t, verdict(t, p, "clone", 0x3d0f00), "a thread")
	require.Zero(t, verdict(t, p, "openat"))
	require.Equal(t, uint(1), verdict(t, p, "personality", 0x0040000), "ADDR_NO_RANDOMIZE")
}
