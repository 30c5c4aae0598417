package cli

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Server is a program that works until it receives a signal, and whose node's agent takes its facts (reporting).
type Server struct {
	Name  string
	Does  string // what it does, in the third person, for --help
	Log   *Log
	Flags func(f *pflag.FlagSet)
	// Check finds what is wrong with the flags together; its error ends the program with the status of a wrong use.
	Check func() error
	// Run works until its context ends.
	Run func(ctx context.Context, logger *slog.Logger) error
}

// Command returns the program's command, to be given to Main.
func (s Server) Command() *cobra.Command {
	c := &cobra.Command{
		Use: s.Name, Short: s.Name + " " + s.Does,
		PreRunE: func(*cobra.Command, []string) error { return Usage(s.Check()) },
		RunE:    reporting(s.Log, s.Run),
	}
	s.Flags(c.Flags())
	return c
}
