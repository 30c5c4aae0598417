package attack

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestAThreadThatIsEndedIsNoticed(t *testing.T) {
	t.Parallel()
	_, err := inThread(func() (int, error) {
		_, _, errno := unix.Syscall(unix.SYS_EXIT, 0, 0, 0) // what SECCOMP_RET_KILL_THREAD does
		return 0, errno
	})
	require.ErrorIs(t, err, errThreadEnded)

	fd, err := inThread(func() (int, error) { return 7, unix.EAFNOSUPPORT })
	require.Equal(t, 7, fd)
	require.ErrorIs(t, err, unix.EAFNOSUPPORT)
}
