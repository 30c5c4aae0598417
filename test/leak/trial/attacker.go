package trial

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"data-space.liqo.io/test/leak/attack"
)

// answerTime is how long an attempt may take before the attacker is given up.
const answerTime = 60 * time.Second

// Attacker is a running `attacker serve`. It is not safe for concurrent use.
type Attacker struct {
	command *exec.Cmd
	input   io.WriteCloser
	answers chan attack.Answer
}

// Start starts the command, which must be an attacker that serves, wherever it runs.
func Start(command *exec.Cmd) (*Attacker, error) {
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start the attacker: %w", err)
	}
	a := &Attacker{command: command, input: input, answers: make(chan attack.Answer)}
	go func() {
		defer close(a.answers)
		for lines := json.NewDecoder(output); ; {
			var got attack.Answer
			if lines.Decode(&got) != nil {
				return
			}
			a.answers <- got
		}
	}()
	return a, nil
}

// Try makes one attempt and returns what came of it.
func (a *Attacker) Try(r attack.Request) (attack.Answer, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return attack.Answer{}, err
	}
	if _, err := a.input.Write(append(line, '\n')); err != nil {
		return attack.Answer{}, fmt.Errorf("ask the attacker: %w", err)
	}
	select {
	case got, open := <-a.answers:
		if !open {
			return got, errors.New("the attacker ended before it answered")
		}
		return got, nil
	case <-time.After(answerTime):
		return attack.Answer{}, errors.New("the attacker did not answer")
	}
}

// Stop ends the attacker.
func (a *Attacker) Stop() {
	_ = a.input.Close() // then it ends by itself
	late := time.AfterFunc(3*time.Second, func() { _ = a.command.Process.Kill() })
	defer late.Stop()
	for range a.answers { // its output is read to its end
	}
	_ = a.command.Wait()
}
