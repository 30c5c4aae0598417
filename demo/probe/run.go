package probe

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// limit bounds each attempt.
const limit = 2 * time.Second

// An Attempt is one thing to try; Try returns what came back, and ends within limit.
type Attempt struct {
	Name   string
	Target string
	Try    func(ctx context.Context) string
}

// Run makes every attempt that args name targets for, all at once, and prints "name<TAB>target<TAB>what came back"
// for each, in a fixed order. `probe try NAME TARGET` makes one attempt only: that is how Run starts the ones that
// need another uid. `probe send ADDR…` sends to the addresses without a pause, for ten minutes at most. It fails on bad arguments
// only.
func Run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 3 && args[0] == "try" {
		return one(ctx, args[1], args[2], out)
	}
	if len(args) > 0 && args[0] == "send" {
		return send(ctx, args[1:])
	}
	targets, err := parse(args)
	if err != nil {
		return err
	}
	attempts := plan(targets, methods(), asUser)
	answers := make([]string, len(attempts))
	all := sync.WaitGroup{}
	for i, attempt := range attempts {
		all.Go(func() {
			bounded, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			answers[i] = attempt.Try(bounded)
		})
	}
	all.Wait()
	for i, attempt := range attempts {
		fmt.Fprintf(out, "%s\t%s\t%s\n", attempt.Name, attempt.Target, oneLine(answers[i]))
	}
	return nil
}

// one makes the single attempt of a child process and prints what came back.
func one(ctx context.Context, name, target string, out io.Writer) error {
	try, known := methods()[name]
	if !known {
		return fmt.Errorf("probe: no attempt is called %q", name)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := fmt.Fprintln(out, oneLine(try(ctx, target)))
	return err
}

// asUser makes an attempt in a child process whose uid and gid are id.
func asUser(id uint32, name string) method {
	return func(ctx context.Context, target string) string {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		child := exec.CommandContext(ctx, "/proc/self/exe", "probe", "try", name, target)
		child.Env = []string{"GOMAXPROCS=1"}
		child.Stderr = os.Stderr
		child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id}}
		answer, err := child.Output()
		if err != nil {
			return "no child with that uid: " + err.Error()
		}
		return string(answer)
	}
}

// oneLine keeps a hostile answer from looking like two lines of ours.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 160 {
		text = text[:160] + "…"
	}
	return text
}
