package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"data-space.liqo.io/pkg/effects/buildinfo"
)

// Exit statuses that all programs share.
const (
	failed        = 1
	wronglyCalled = 2
)

// Main runs a program with the arguments of its process until it ends, SIGINT or SIGTERM arrives. It returns the exit status.
func Main(root *cobra.Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return Run(ctx, root, os.Args[1:], os.Stdout, os.Stderr)
}

// Run runs a program. It returns 0 if the program did what was asked or ended with ctx, 1 if it failed, 2 if it was called
// wrongly, and else the status of the program's own Exit. An error is printed once, in one line, to stderr.
func Run(ctx context.Context, root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	prepare(root)
	root.SetArgs(twoDashes(root, args))
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var own exit
	if err == nil {
		return 0
	}
	if errors.As(err, &own) {
		return own.status
	}
	fmt.Fprintf(stderr, "%s: %v\n", root.Name(), err)
	if errors.As(err, &usageError{}) {
		return wronglyCalled
	}
	return failed
}

// prepare gives a program what all programs have.
func prepare(root *cobra.Command) {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.Version = buildinfo.Version()
	root.Flags().Bool("version", false, "print the version, the commit and the version of Go, and exit")
	root.SetFlagErrorFunc(explained)
	for _, c := range below(root) {
		if c.Args == nil {
			c.Args = noArguments
		}
		c.Flags().SortFlags = false
	}
}

// explained is the error of a flag, with the way out where the flag's own error has none.
func explained(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		err = fmt.Errorf("%w; %s --help lists the flags", err, c.CommandPath())
	}
	return usageError{err}
}

// OneArgument has a command take one argument; what names it in the messages.
func OneArgument(c *cobra.Command, what string) {
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError{fmt.Errorf("%d arguments; %s takes one, %s, see %[2]s --help", len(args), c.CommandPath(), what)}
		}
		return nil
	}
}

// noArguments refuses arguments that are no flags: what is left of a misspelt command, or of a flag without its dashes.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var commands []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			commands = append(commands, fmt.Sprintf("%q", sub.Name()))
		}
	}
	if len(commands) == 0 {
		return usageError{fmt.Errorf("unexpected argument %q; %s takes flags only, see %[2]s --help", args[0], c.CommandPath())}
	}
	return usageError{fmt.Errorf("unknown command %q; the commands are %s, and every setting is a flag, see %s --help",
		args[0], strings.Join(commands, ", "), c.CommandPath())}
}

// usageError is a mistake in the call.
type usageError struct{ error }

// Unwrap returns the mistake.
func (e usageError) Unwrap() error { return e.error }

// Usage marks an error as a mistake in the call: the program ends with status 2. It returns nil for nil.
func Usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// exit ends a program that has reported the reason.
type exit struct{ status int }

func (e exit) Error() string { return fmt.Sprintf("exit status %d", e.status) }

// Exit ends the program with a status. Nothing is printed: the program has reported the reason.
func Exit(status int) error { return exit{status} }
