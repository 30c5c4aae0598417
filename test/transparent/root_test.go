//go:build transparent

package transparent

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// appUser is the user of the clients and servers.
const appUser = 1000

// root is a root directory in which programs run: the fetched one, read only, with a /tmp and a /run of its own. The name
// "server" leads to the pod that the programs in it are to talk to; without one, to the loopback.
type root struct{ dir string }

// newRoot mounts a root directory. The mounts are in the mount namespace that test/isolated made, and end with it.
func newRoot(t *testing.T, shared string, server *place) root {
	t.Helper()
	programs := os.Getenv("PROGRAMS")
	require.DirExists(t, programs, "set PROGRAMS: eval \"$(lab programs)\" fetches the clients and servers and prints the assignment")
	r := root{dir: t.TempDir()}
	r.mount(t, programs, "", "", unix.MS_BIND)
	r.mount(t, "", "", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY)
	r.mount(t, "/dev", "dev", "", unix.MS_BIND|unix.MS_REC)
	r.mount(t, "proc", "proc", "proc", 0)
	r.mount(t, "none", "tmp", "tmpfs", 0)
	r.mount(t, "none", "run", "tmpfs", 0)
	r.mount(t, shared, "srv", "", unix.MS_BIND)
	require.NoError(t, os.Chmod(filepath.Join(r.dir, "tmp"), 0o777))
	require.NoError(t, os.Chmod(filepath.Join(r.dir, "run"), 0o777))
	names := "127.0.0.1 localhost server\n::1 localhost server6\n"
	if server != nil {
		names = fmt.Sprintf("127.0.0.1 localhost\n::1 localhost\n%s server\n%s server6\n", server.v4, server.v6)
	}
	hosts := filepath.Join(t.TempDir(), "hosts")
	require.NoError(t, os.WriteFile(hosts, []byte(names), 0o644))
	r.mount(t, hosts, "etc/hosts", "", unix.MS_BIND)
	return r
}

func (r root) mount(t *testing.T, from, at, kind string, flags uintptr) {
	t.Helper()
	to := filepath.Join(r.dir, at)
	require.NoError(t, unix.Mount(from, to, kind, flags, ""), "mount %s", to)
	if flags&unix.MS_REMOUNT == 0 {
		t.Cleanup(func() { require.NoError(t, unix.Unmount(to, unix.MNT_DETACH)) })
	}
}

// within has a command run in the root directory as an ordinary user.
func (r root) command(command *exec.Cmd) *exec.Cmd {
	command.SysProcAttr.Chroot = r.dir
	command.SysProcAttr.Credential = credential()
	command.SysProcAttr.Setpgid = true
	command.Dir = "/tmp"
	command.Env = []string{
		"PATH=/usr/lib/jvm/java-21-openjdk-amd64/bin:/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin:/srv", "HOME=/tmp", "LC_ALL=C.UTF-8",
		"CLASSPATH=/srv/made/classes:/opt/jars/*:/usr/share/java/*", "PYTHONUNBUFFERED=1", "REQUESTS_CA_BUNDLE=/srv/made/cert.pem", "DCMDICTPATH=/usr/share/dcmtk/dicom.dic",
	}
	return command
}
