package factlog_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/values/fact"
)

// killedFolder names the folder in which this program, started again by the test, writes until it is killed; kills is how often it is.
const killedFolder, kills = "FACTLOG_KILLED_FOLDER", "FACTLOG_KILLS"

// killedOptions make segments, checkpoints and removals frequent.
func killedOptions() factlog.Options {
	return factlog.Options{Node: "node-1", Total: 400 << 10, Segment: 40 << 10, Age: time.Hour}
}

// write writes until it is killed. It prints the index of each line when the log has acknowledged it.
func write(folder string) error {
	l, damage, err := factlog.OpenOrReplace(folder, killedOptions())
	if err != nil || damage != nil {
		return fmt.Errorf("%w, %w", err, damage)
	}
	for i := 0; ; i++ {
		n := 1 + i%7
		first, err := l.Append(facts(n))
		if err != nil {
			return err
		}
		fmt.Println(first, n)
		if i%5 == 4 {
			if _, err := l.Checkpoint(); err != nil {
				return err
			}
		}
		if i%50 == 49 {
			if _, err := l.Rotate(time.Now()); err != nil {
				return err
			}
		}
	}
}

func TestMain(m *testing.M) {
	if folder := os.Getenv(killedFolder); folder != "" {
		fmt.Fprintln(os.Stderr, write(folder))
		os.Exit(1) //nolint:forbidigo // the writer that the test kills
	}
	os.Exit(m.Run()) //nolint:forbidigo // of this kind of test
}

// The writer is killed at random points: while it starts, writes, turns segments, signs. FACTLOG_KILLS=10000 for the long form.
func TestNothingAcknowledgedIsLostHoweverOftenTheWriterIsKilled(t *testing.T) {
	n := 200
	if text := os.Getenv(kills); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	folder := t.TempDir() + "/facts"
	acknowledged, torn, starts := int64(0), 0, 0
	for i := range n {
		last, started := kill(t, folder, i%4 > 0, rand.N(20*time.Millisecond))
		if acknowledged = max(acknowledged, last); started {
			starts++
		}
		if i%20 != 19 && i != n-1 {
			continue
		}
		l, err := factlog.Open(folder, killedOptions())
		require.NoError(t, err)
		lines, _ := l.Size()
		require.NoError(t, l.Close())
		require.Greater(t, lines, acknowledged, "after %d kills", i+1)
		require.Empty(t, audit(t, factlog.Folder(folder)), "after %d kills", i+1)
		require.NoFileExists(t, folder+".damaged-1")
	}
	require.NoError(t, factlog.Folder(folder).Lines(0, func(_ int64, line []byte) error {
		f, err := fact.Decode(line)
		if f.Kind == fact.TailCut {
			torn++
		}
		return err
	}))
	require.Greater(t, starts, n/4, "most writers were killed while they wrote")
	t.Logf("%d kills, %d of them of a writer that wrote; %d lines acknowledged; %d torn tails in the lines that are left", n, starts, acknowledged+1, torn)
}

// kill starts a writer and kills it so long after its first line, or after its start. It returns the last index that was acknowledged, and
// whether one was.
func kill(t *testing.T, folder string, writing bool, after time.Duration) (last int64, started bool) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), killedFolder+"="+folder)
	var problem strings.Builder
	c.Stderr = &problem
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	var timer *time.Timer
	begin := func() {
		if timer == nil {
			timer = time.AfterFunc(after, func() { _ = c.Process.Kill() })
		}
	}
	if !writing {
		begin()
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var first, n int64
		if read, _ := fmt.Sscan(lines.Text(), &first, &n); read == 2 { // not half a line
			last, started = first+n-1, true
			begin()
		}
	}
	if timer != nil {
		timer.Stop()
	}
	require.Error(t, c.Wait())
	require.Empty(t, problem.String())
	return last, started
}
