package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Var adds a flag whose text a parser turns into the target's value. The parser's error says what the flag accepts. Until the
// flag is given, the target keeps what it has.
func Var[T any](f *pflag.FlagSet, name, usage string, target *T, parse func(string) (T, error)) {
	f.Func(name, usage, func(text string) error {
		value, err := parse(text)
		if err == nil {
			*target = value
		}
		return err
	})
}

// List returns the names in the text of a flag, which are separated by commas. Spaces around a name do not count, and an empty name is left out.
func List(text string) []string {
	var names []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// choice is a text that is one of a few.
type choice struct {
	target *string
	of     []string
}

// Choice adds a flag that accepts one of a few texts, the first by default.
func Choice(f *pflag.FlagSet, name, usage string, target *string, of ...string) {
	*target = of[0]
	f.Var(choice{target, of}, name, usage)
}

// Output adds the flag for the form of a command's answer: the given one by default, JSON, or one of others.
func Output(f *pflag.FlagSet, target *string, form string, others ...string) {
	*target = form
	f.VarP(choice{target, append([]string{form, "json"}, others...)}, "output", "o", "form of the answer")
}

// Set implements pflag.Value.
func (c choice) Set(text string) error {
	if !slices.Contains(c.of, text) {
		last := len(c.of) - 1
		return fmt.Errorf("%q is unknown; give %s or %s", text, strings.Join(c.of[:last], ", "), c.of[last])
	}
	*c.target = text
	return nil
}

// String implements pflag.Value.
func (c choice) String() string {
	if c.target == nil {
		return ""
	}
	return *c.target
}

// Type implements pflag.Value: it is what --help prints for the value.
func (c choice) Type() string { return strings.Join(c.of, "|") }
