package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// twoDashes returns the arguments with each flag in the form of --name, or -n for one letter. Earlier releases accepted
// one dash and two for every flag, and manifests of users have both.
func twoDashes(root *cobra.Command, args []string) []string {
	long, short := flagNames(root)
	args = slices.Clone(args)
	for i, arg := range args {
		if arg == "--" {
			break
		}
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		switch {
		case strings.HasPrefix(arg, "--"):
			if len(name) == 1 && !slices.Contains(long, name) && slices.Contains(short, name) {
				args[i] = arg[1:]
			}
		case strings.HasPrefix(arg, "-") && len(name) > 1 && slices.Contains(long, name):
			args[i] = "-" + arg
		}
	}
	return args
}

// flagNames returns the names and the one-letter names of all flags of a program and its commands.
func flagNames(root *cobra.Command) (long, short []string) {
	long = []string{"help"} // cobra adds it later
	for _, c := range below(root) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			long = append(long, f.Name)
			if f.Shorthand != "" {
				short = append(short, f.Shorthand)
			}
		})
	}
	return long, short
}

// below returns a command and all commands below it.
func below(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		all = append(all, below(sub)...)
	}
	return all
}
