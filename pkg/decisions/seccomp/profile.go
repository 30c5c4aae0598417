package seccomp

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"

	"data-space.liqo.io/pkg/values/apis"
)

// Profile is a seccomp profile in the format of the OCI runtime specification (config-linux.md, "Seccomp"), which container runtimes read. Its
// JSON is what lies on the node.
type Profile struct {
	// DefaultAction is for calls that no rule is about, and DefaultErrnoRet the error (errno(3)) that they return.
	DefaultAction   Action `json:"defaultAction"`
	DefaultErrnoRet uint   `json:"defaultErrnoRet"`
	// Architectures are the ABIs whose calls are filtered by the rules. The kernel ends a process that makes a call of another one.
	Architectures []string `json:"architectures"`
	Syscalls      []Rule   `json:"syscalls"`
}

// profileFor returns the profile for one architecture, as Go names it. On amd64 the kernel ends a process that makes a call of
// another ABI: i386 makes sockets by socketcall, whose arguments lie in memory, where no filter sees them (and libseccomp turns
// rules about sockets into rules about it that do not look at the family); x32 is switched off in most kernels. On arm64 32-bit
// programs make the same calls as others.
func profileFor(arch string) Profile {
	architectures, more := []string{"SCMP_ARCH_X86_64"}, []string{"arch_prctl", "modify_ldt"}
	if arch == "arm64" {
		architectures = []string{"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"}
		more = []string{"arm_fadvise64_64", "arm_sync_file_range", "sync_file_range2", "breakpoint", "cacheflush", "set_tls"}
	}
	rules := []Rule{{Names: append(allowed(), more...), Action: Allow}}
	return Profile{
		DefaultAction: Errno, DefaultErrnoRet: ePerm, Architectures: architectures,
		Syscalls: slices.Concat(rules, namespaces(), personalities(), sockets()),
	}
}

// namespaces allows new processes and threads in the namespaces of their parent. clone3 has its flags in memory, where no
// filter sees them: C libraries go on with clone when it is not there.
func namespaces() []Rule {
	const newNamespaces = 0x7e020000 // CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
	return []Rule{
		call("clone", allow, Condition{Index: 0, Value: newNamespaces, ValueTwo: 0, Op: MaskedEqual}),
		call("clone3", eNoSys),
	}
}

// personalities allows the execution domains that change no address (personality(2)): Linux, UNAME26, 32 bit, and the question.
func personalities() []Rule {
	var rules []Rule
	for _, domain := range []uint64{0x0, 0x0008, 0x20000, 0x20008, 0xffffffff} {
		rules = append(rules, call("personality", allow, is(0, domain)))
	}
	return rules
}

// JSON renders the profile.
func (p Profile) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(p, "", "\t")
	if err != nil {
		return nil, fmt.Errorf("seccomp profile: %w", err)
	}
	return append(text, '\n'), nil
}

// Architectures are those that a profile is made for.
func Architectures() []string { return []string{"amd64", "arm64"} }

// Folder is where profiles lie, below the folder in which the kubelet looks for them.
const Folder = apis.SeccompFolder

// Name is the profile's name for pods (localhostProfile). Another profile has another name, so that an upgrade changes none
// under pods that run.
func Name() (string, error) {
	hash := sha256.New()
	for _, arch := range Architectures() {
		text, err := profileFor(arch).JSON()
		if err != nil {
			return "", err
		}
		hash.Write(text)
	}
	const enough = 6
	return Folder + "/sockets-" + hex.EncodeToString(hash.Sum(nil)[:enough]) + ".json", nil
}

// Here is the profile of the architecture that this program runs on.
func Here() Profile { return profileFor(runtime.GOARCH) }
