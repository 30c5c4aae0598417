package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"k8s.io/klog/v2"
)

// program is a program with a command. What its flags got is in the returned values.
type program struct {
	root  *cobra.Command
	log   Log
	names string
	port  int
	form  string
	work  func(ctx context.Context, logger *slog.Logger) error
}

func newProgram() *program {
	p := &program{work: func(context.Context, *slog.Logger) error { return nil }}
	p.root = &cobra.Command{Use: "program", Short: "program does something", RunE: Serve(&p.log, func(ctx context.Context, l *slog.Logger) error { return p.work(ctx, l) })}
	p.log.Flags(p.root.Flags())
	p.root.Flags().StringVar(&p.names, "names", "", "some `names`")
	Var(p.root.Flags(), "port", "a `number`", &p.port, func(text string) (int, error) {
		if text != "1" {
			return 0, fmt.Errorf("%q is not a port; use 1", text)
		}
		return 1, nil
	})
	status := &cobra.Command{Use: "status", Short: "show something", RunE: func(*cobra.Command, []string) error { return nil }}
	Output(status.Flags(), &p.form, "table")
	p.root.AddCommand(status)
	return p
}

func (p *program) run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, problem bytes.Buffer
	status = Run(t.Context(), p.root, args, &out, &problem)
	return status, out.String(), problem.String()
}

func TestAWrongCallEndsWithTwoAndOneLineBeforeAnythingIsDone(t *testing.T) {
	for line, want := range map[string]string{
		"--nmaes=a":        "program: unknown flag: --nmaes; program --help lists the flags\n",
		"--port=2":         `program: invalid argument "2" for "--port" flag: "2" is not a port; use 1` + "\n",
		"-port 2":          `program: invalid argument "2" for "--port" flag: "2" is not a port; use 1` + "\n",
		"--log-level=loud": `program: invalid argument "loud" for "--log-level" flag: "loud" is unknown; give debug, info, warn or error` + "\n",
		"--log-format=xml": `program: invalid argument "xml" for "--log-format" flag: "xml" is unknown; give auto, json or text` + "\n",
		"stauts":           `program: unknown command "stauts"; the commands are "status", and every setting is a flag, see program --help` + "\n",
		"status -o xml":    `program: invalid argument "xml" for "-o, --output" flag: "xml" is unknown; give table or json` + "\n",
		"status --names=a": "program: unknown flag: --names; program status --help lists the flags\n",
		"status all":       `program: unexpected argument "all"; program status takes flags only, see program status --help` + "\n",
		"-x":               "program: unknown shorthand flag: 'x' in -x; program --help lists the flags\n",
		"completion":       `program: unknown command "completion"; the commands are "status", and every setting is a flag, see program --help` + "\n",
	} {
		t.Run(line, func(t *testing.T) {
			p := newProgram()
			p.work = func(context.Context, *slog.Logger) error { t.Error("the program has begun"); return nil }
			status, stdout, stderr := p.run(t, strings.Fields(line)...)
			require.Equal(t, wronglyCalled, status)
			require.Equal(t, want, stderr)
			require.Empty(t, stdout)
		})
	}
}

func TestFlagsWithOneDashAreAccepted(t *testing.T) {
	for _, args := range [][]string{
		{"--names=a", "--port=1", "--log-level=warn"}, {"-names=a", "-port=1", "-log-level=warn"}, {"-names", "a", "-port", "1", "-log-level", "warn"},
	} {
		p := newProgram()
		status, _, stderr := p.run(t, args...)
		require.Equal(t, 0, status, stderr)
		require.Equal(t, "a", p.names)
		require.Equal(t, 1, p.port)
		require.Equal(t, slog.LevelWarn, p.log.Level)
	}
	for _, args := range [][]string{{"-o", "json"}, {"-o=json"}, {"-ojson"}, {"--o=json"}, {"--o", "json"}, {"--output=json"}, {"-output", "json"}} {
		p := newProgram()
		status, _, stderr := p.run(t, append([]string{"status"}, args...)...)
		require.Equal(t, 0, status, stderr)
		require.Equal(t, "json", p.form, "%v", args)
	}
	require.Equal(t, []string{"--names=-port", "--", "-port"}, twoDashes(newProgram().root, []string{"-names=-port", "--", "-port"}), "values and what follows -- stay")
}

func TestHelpAndVersionGoToStdout(t *testing.T) {
	for _, help := range []string{"--help", "-help", "-h"} {
		status, stdout, stderr := newProgram().run(t, help)
		require.Equal(t, 0, status)
		require.Empty(t, stderr)
		for _, part := range []string{"program does something", "\n  status ", "--names names", "--log-format auto|json|text", "--version"} {
			require.Contains(t, stdout, part)
		}
	}
	status, stdout, _ := newProgram().run(t, "--version")
	require.Equal(t, 0, status)
	require.Regexp(t, `^program version .*, commit .*, go1\.`, stdout)
}

func TestAFailureIsOneLineOfTheLog(t *testing.T) {
	p := newProgram()
	p.work = func(context.Context, *slog.Logger) error { return errors.New("the node is gone") }
	status, _, stderr := p.run(t)
	require.Equal(t, failed, status)
	var line map[string]string
	require.NoError(t, json.Unmarshal([]byte(stderr), &line))
	delete(line, "time")
	require.Equal(t, map[string]string{"level": "ERROR", "msg": "program failed", "error": "the node is gone"}, line)

	p = newProgram()
	p.work = func(context.Context, *slog.Logger) error { return Usage(errors.New("--names: wrong")) }
	status, _, stderr = p.run(t)
	require.Equal(t, wronglyCalled, status)
	require.Equal(t, "program: --names: wrong\n", stderr)
	require.NoError(t, Usage(nil))
}

func TestACommandsOwnStatusIsReturnedInSilence(t *testing.T) {
	p := newProgram()
	p.root.Commands()[0].RunE = func(*cobra.Command, []string) error { return Exit(3) }
	status, stdout, stderr := p.run(t, "status")
	require.Equal(t, 3, status)
	require.Empty(t, stdout+stderr)
}

func TestLibrariesLogInTheSameForm(t *testing.T) {
	var out bytes.Buffer
	l := Log{Level: slog.LevelDebug, format: "json"}
	logr.FromSlogHandler(l.New(&out).Handler()).Error(errors.New("conflict"), "reconciler error", "namespace", "pharma") // as controller-runtime does
	klog.ErrorS(errors.New("refused"), "watch failed")                                                                   //nolint:forbidigo // what client-go does
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 2)
	for i, want := range []map[string]string{{"msg": "reconciler error", "error": "conflict"}, {"msg": "watch failed", "error": "refused"}} {
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(lines[i]), &line))
		for key, value := range want {
			require.Equal(t, value, line[key], lines[i])
		}
	}
}

func TestTheFormOfTheLogIsChosenByWhereItGoes(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	terminal, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a device of characters, as a terminal is
	require.NoError(t, err)
	auto, text := &Log{format: "auto"}, &Log{format: "text"}
	require.IsType(t, &slog.JSONHandler{}, auto.handler(file))
	require.IsType(t, &slog.JSONHandler{}, auto.handler(&bytes.Buffer{}))
	require.IsType(t, &slog.TextHandler{}, auto.handler(terminal))
	require.IsType(t, &slog.TextHandler{}, text.handler(file))
	require.NoError(t, errors.Join(file.Close(), terminal.Close()))
}

func TestAKubeconfigThatCannotBeReadIsAWrongCall(t *testing.T) {
	_, _, err := Cluster("/nowhere")
	require.ErrorAs(t, err, &usageError{})
	require.ErrorContains(t, err, "--kubeconfig=/nowhere: stat /nowhere: no such file or directory; name a kubeconfig file that can be read")
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	_, _, err = Cluster("")
	require.ErrorAs(t, err, &usageError{})
	require.ErrorContains(t, err, "--kubeconfig: none given, and this is no pod")
}
