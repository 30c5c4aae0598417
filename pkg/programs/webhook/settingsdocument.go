package webhook

import (
	"fmt"
	"io"
	"os"
	"strings"

	"data-space.liqo.io/pkg/decisions/limits"
	"data-space.liqo.io/pkg/decisions/tolerations"
)

// PrintProtectedTaint turns the settings document of the original toleration policy, in a file or, for "-", in stdin, into the manifest of a
// ProtectedTaint.
func PrintProtectedTaint(file, name string, stdin io.Reader, stdout io.Writer) error {
	if file != "-" {
		opened, err := os.Open(file) //nolint:gosec // The user of the command names the file.
		if err != nil {
			return fmt.Errorf("--from: %w", err)
		}
		defer opened.Close()
		stdin = opened
	}
	text, err := io.ReadAll(io.LimitReader(stdin, tolerations.MaxSettings+1))
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	manifest, err := tolerations.Manifest(text, name)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	_, err = stdout.Write(manifest)
	return err
}

// ParseUsers reads "a,b": names of users.
func ParseUsers(text string) ([]string, error) {
	users := strings.Split(text, ",")
	for _, user := range users {
		if user == "" || len(user) > 2*limits.MaxName {
			return nil, fmt.Errorf("%q is not a list of users; write for example system:kube-scheduler,system:serviceaccount:argo:workflows", text)
		}
	}
	return users, nil
}
