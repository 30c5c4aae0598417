package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"data-space.liqo.io/pkg/effects/buildinfo"
	"data-space.liqo.io/pkg/effects/factlines"
	"data-space.liqo.io/pkg/values/fact"
)

// Log holds the flags of a program's log.
type Log struct {
	// Level is the least severe level that is logged.
	Level  slog.Level
	format string
}

// Flags adds the flags of the log.
func (l *Log) Flags(f *pflag.FlagSet) {
	Var(f, "log-level", "least severe `level` that is logged: debug, info, warn or error (default info)", &l.Level, parseLevel)
	Choice(f, "log-format", "form of the log; auto: text on a terminal, otherwise JSON", &l.format, "auto", "json", "text")
}

func parseLevel(text string) (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(text)); err != nil {
		return level, fmt.Errorf("%q is unknown; give debug, info, warn or error", text)
	}
	return level, nil
}

// New returns the log, through which client libraries log too.
func (l *Log) New(w io.Writer) *slog.Logger {
	logger := slog.New(l.handler(w))
	ctrllog.SetLogger(logr.FromSlogHandler(logger.Handler()))
	klog.SetSlogLogger(logger) //nolint:forbidigo // The bridge by which client-go logs through ours.
	return logger
}

func (l *Log) handler(w io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: l.Level, ReplaceAttr: common}
	if l.format == "text" || l.format == "auto" && isTerminal(w) {
		return slog.NewTextHandler(w, options)
	}
	return slog.NewJSONHandler(w, options)
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// common gives attributes of libraries the form of ours: an error is its message, without the stack that some libraries' errors
// print, and has the key "error", which logr calls "err".
func common(groups []string, attribute slog.Attr) slog.Attr {
	if err, is := attribute.Value.Any().(error); is {
		attribute.Value = slog.StringValue(err.Error())
		if len(groups) == 0 && attribute.Key == "err" {
			attribute.Key = "error"
		}
	}
	return attribute
}

// Serve returns what a command runs that works until its context ends. Its failure is logged as everything else.
func Serve(l *Log, work func(ctx context.Context, logger *slog.Logger) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error {
		logger := l.New(c.ErrOrStderr())
		err := work(c.Context(), logger)
		if err == nil || errors.As(err, &usageError{}) {
			return err
		}
		logger.Error(c.Name()+" failed", "error", err)
		return Exit(failed)
	}
}

// reporting is Serve for a program whose facts the agent of its node takes from the program's standard output: the context of work carries a
// factlines.Sink. Its start, as soon as it takes the sink, and its end are facts.
func reporting(l *Log, work func(ctx context.Context, logger *slog.Logger) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		name := c.Name()
		program := factlines.NewProgram(c.OutOrStdout(), fact.Fact{Kind: fact.ProgramStarted, Reason: name, Message: name + " starts", Details: map[string]string{
			"program": name, "version": buildinfo.Version(), "configuration": fact.ConfigurationHash(os.Args[1:])}})
		err := Serve(l, func(ctx context.Context, logger *slog.Logger) error {
			return work(factlines.Into(ctx, program), logger)
		})(c, args)
		stopped := fact.Fact{Kind: fact.ProgramStopped, Reason: name, Message: name + " ended in order", Details: map[string]string{"program": name}}
		if err != nil {
			stopped.Warning, stopped.Message = true, name+" failed; its log has the reason"
		}
		program.End(stopped)
		return err
	}
}
