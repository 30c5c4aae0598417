package claims

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"data-space.liqo.io/pkg/effects/witnessfile"
	"data-space.liqo.io/pkg/programs/witness"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
)

// otherParty runs a witness of the nodes' logs.
type otherParty struct {
	witness *witness.Witness
	address string
	folder  string
	known   *witnessfile.Folder
	server  *http.Server
}

// otherParty starts a witness beside the API server, where the nodes reach it.
func (w *World) otherParty(ctx context.Context) (*otherParty, error) {
	keys, err := w.logKeys(ctx)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "witness")
	if err != nil {
		return nil, err
	}
	p := &otherParty{folder: folder}
	if p.known, err = witnessfile.Open(folder); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	p.witness, err = witness.New("pharma.example/witness", keys, p.known, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	host := w.kube.Discovery().RESTClient().Get().URL().Hostname()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("a witness where the nodes reach it: %w", err), p.close())
	}
	p.address = listener.Addr().String()
	p.server = &http.Server{Handler: p.witness.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.server.Serve(listener) }()
	return p, nil
}

// argument is the agents' argument.
func (p *otherParty) argument() string {
	return "--witness=" + p.witness.Key() + " http://" + p.address
}

// conflict returns an error unless the witness keeps a checkpoint of the node that contradicts an earlier one, signed by the node's key as that was.
func (p *otherParty) conflict(node string) error {
	files, err := filepath.Glob(filepath.Join(p.folder, "*.conflict-0"))
	if err != nil || len(files) != 1 {
		return errors.Join(err, fmt.Errorf("the witness keeps %d contradictions, one of %s is expected", len(files), node))
	}
	text, err := os.ReadFile(files[0])
	if err == nil && !strings.Contains(string(text), "/node/"+node+"/") {
		err = fmt.Errorf("the contradiction is not of the log of %s: %s", node, tail(string(text)))
	}
	return err
}

func (p *otherParty) close() error {
	var err error
	if p.server != nil {
		err = p.server.Close()
	}
	return errors.Join(err, p.known.Close(), os.RemoveAll(p.folder))
}

// logKeys are the public keys of the nodes' logs.
func (w *World) logKeys(ctx context.Context) ([]string, error) {
	agents, err := w.agents.Agents(ctx)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, agent := range agents {
		var text bytes.Buffer
		if err := w.agents.Ask(ctx, agent, &text, agentapi.RecordPath); err != nil {
			return nil, err
		}
		var record agentapi.RecordStatus
		if err := json.Unmarshal(text.Bytes(), &record); err != nil {
			return nil, fmt.Errorf("the record's state on %s: %w", agent.Node, err)
		}
		keys = append(keys, record.Keys...)
	}
	return keys, nil
}

// askWitness has the agents ask a witness; empty: none.
func (w *World) askWitness(ctx context.Context, argument string) error {
	sets := w.kube.AppsV1().DaemonSets(apis.SystemNamespace)
	set, err := sets.Get(ctx, agentName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	container := set.Spec.Template.Spec.Containers[0]
	args := slices.DeleteFunc(container.Args, func(a string) bool { return strings.HasPrefix(a, "--witness=") })
	if argument != "" {
		args = append(args, argument)
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
		"containers": []map[string]any{{"name": container.Name, "args": args}},
	}}}})
	if err != nil {
		return err
	}
	if _, err := sets.Patch(ctx, agentName, types.StrategicMergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return err
	}
	return w.rollouts(apis.SystemNamespace, "daemonset/"+agentName)(ctx)
}
