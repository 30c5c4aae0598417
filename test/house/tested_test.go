package house

import (
	"bufio"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The end of a long output names what failed.
func TestAFailedRunEndsWithWhatFailed(t *testing.T) {
	const failed = `--- FAIL: TestOne (0.00s)
    one_test.go:7: 
        	Error Trace:	one_test.go:7
        	Error:      	Should be true
        	Messages:   	it serves again
    world_test.go:9: the end of a log
`
	run := func(script string) (string, int) {
		command := exec.Command("../../build/tested", "sh", "-c", script)
		out, err := command.CombinedOutput()
		if err != nil {
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
		}
		return string(out), command.ProcessState.ExitCode()
	}
	out, code := run("cat <<'END'\n" + failed + strings.Repeat("a line of a log\n", 5000) + "END\nexit 3")
	require.Equal(t, 3, code)
	end := out[strings.LastIndex(out, "== what failed"):]
	require.Less(t, len(end), 3000)
	for _, part := range []string{"TestOne", "one_test.go:7", "Should be true", "it serves again"} {
		require.Contains(t, end, part)
	}
	out, code = run("echo passed")
	require.Zero(t, code)
	require.Equal(t, "passed\n", out)
}

func TestARunThatIsEndedShowsItsLastLines(t *testing.T) {
	command := exec.Command("../../build/tested", "sh", "-c", "trap 'echo ended; exit 7' TERM; echo begun; while :; do sleep 0.1; done")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	out := bufio.NewReader(pipe)
	begun, err := out.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "begun\n", begun)
	require.NoError(t, syscall.Kill(-command.Process.Pid, syscall.SIGTERM))
	rest, err := io.ReadAll(out)
	require.NoError(t, err)
	require.Error(t, command.Wait())
	require.Equal(t, 7, command.ProcessState.ExitCode())
	require.Contains(t, string(rest), "ended\n")
}
