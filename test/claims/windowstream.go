package claims

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

func loaded(file string) (*clientcmdapi.Config, error) {
	config, err := clientcmd.LoadFromFile(file)
	if err == nil {
		err = clientcmdapi.FlattenConfig(config)
	}
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig %s: %w", file, err)
	}
	return config, nil
}

func saved(config *clientcmdapi.Config, file string) error {
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		return fmt.Errorf("write the kubeconfig %s: %w", file, err)
	}
	return nil
}

// lines collects what a program prints. It is safe for concurrent use.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(l.text.String(), "\n")
}

// watch runs "kubectl get namespaces --watch" as the user, and returns its events as "ADDED name".
func (u *window) watch(ctx context.Context) (events func() []string, ended <-chan struct{}, err error) {
	command := exec.CommandContext(ctx, u.world.kubectl, "get", "namespaces", "--watch", "--output-watch-events", "--kubeconfig="+u.proxied,
		"-o", `jsonpath={.type}{" "}{.object.metadata.name}{"\n"}`)
	out := &lines{}
	command.Stdout, command.Stderr = out, out
	if err := command.Start(); err != nil {
		return nil, nil, fmt.Errorf("kubectl get namespaces --watch: %w", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = command.Wait() // it is ended
	}()
	return out.all, done, nil
}

// follow runs kubectl as the user until it prints a line, and ends it once use, which gets the line, returns.
func (u *window) follow(ctx context.Context, use func(line string) error, args ...string) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	command := exec.CommandContext(ctx, u.world.kubectl, append(args, "--kubeconfig="+u.proxied)...)
	complaint := &lines{}
	command.Stderr = complaint
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		return fmt.Errorf("kubectl %s: %w", args[0], err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		err = use(line)
	}
	stop()
	_ = command.Wait() // it was ended
	if err != nil {
		return fmt.Errorf("kubectl %s by the proxy: %w: %s%s", args[0], err, line, strings.Join(complaint.all(), " "))
	}
	return nil
}

// forwarded asks the guest's application by the port that kubectl port-forward opens here.
func forwarded(ctx context.Context, line string) error {
	address, _, _ := strings.Cut(strings.TrimPrefix(line, "Forwarding from "), " ")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/healthz", nil)
	if err != nil {
		return err
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the application answers %s", answer.Status)
	}
	return nil
}

// streams has the user run a command in a pod of the guest, over a websocket and over SPDY, follow its log, and reach its port.
func (u *window) streams(ctx context.Context) (string, error) {
	guests, err := u.world.guests(ctx)
	if err != nil {
		return "", err
	}
	pod := guests[0].Name
	for _, websocket := range []string{"true", "false"} {
		command := exec.CommandContext(ctx, u.world.kubectl, "exec", "-n", pharmaSpace, pod, "-c", appContainer, "--kubeconfig="+u.proxied, "--", "pharma-app", "get", "http://127.0.0.1:"+appPort+"/healthz")
		command.Env = append(os.Environ(), "KUBECTL_REMOTE_COMMAND_WEBSOCKETS="+websocket)
		if out, err := command.CombinedOutput(); err != nil {
			return "", fmt.Errorf("kubectl exec by the proxy (websockets %s): %w: %s", websocket, err, tail(string(out)))
		}
	}
	err = u.follow(ctx, func(string) error { return nil }, "logs", "-n", pharmaSpace, pod, "-c", appContainer, "--tail=1", "--follow")
	if err == nil {
		err = u.follow(ctx, func(line string) error { return forwarded(ctx, line) }, "port-forward", "-n", pharmaSpace, pod, ":"+appPort)
	}
	return "exec (websocket and SPDY), a log that is followed and a forwarded port of its own pod", err
}
