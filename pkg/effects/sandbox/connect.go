package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// ErrGone means that the sandbox or the container ended while it was looked at. During deletion this is the normal course.
var ErrGone = errors.New("gone")

// callTimeout bounds each call of the runtime. A relist of a busy node takes milliseconds.
const callTimeout = 5 * time.Second

// maxMessage is what the kubelet allows as well: a list of every container of a large node.
const maxMessage = 16 << 20

// usualSockets is where the runtimes listen, in the order in which they are tried.
func usualSockets() []string {
	return []string{
		"/run/containerd/containerd.sock",
		"/run/crio/crio.sock",
		"/run/k3s/containerd/containerd.sock",
		"/run/cri-dockerd.sock",
	}
}

// Client is a connection to the runtime of this node. It is safe for concurrent use.
type Client struct {
	// Socket is the path that it is connected to, as the node sees it; Runtime the name and version that answered.
	Socket, Runtime string

	conn *grpc.ClientConn
	cri  cri.RuntimeServiceClient
	host host
}

// Dial connects to the runtime at the given socket (a path, or a unix:// address), or, if it is empty, to the first of
// the usual ones that answers. A path that is not here is looked for where the node's first process sees it: an agent in
// a container needs no mount of it. The connection heals itself when the runtime restarts.
func Dial(ctx context.Context, socket string) (*Client, error) {
	tried := usualSockets()
	if socket != "" {
		tried = []string{strings.TrimPrefix(socket, "unix://")}
	}
	var problems []error
	for _, path := range tried {
		c, err := dial(ctx, locate(path))
		if err == nil {
			c.Socket = path
			return c, nil
		}
		problems = append(problems, fmt.Errorf("%s: %w", path, err))
	}
	if socket == "" {
		return nil, fmt.Errorf("no container runtime answers on this node; name its CRI socket with --cri-socket; tried: %w",
			errors.Join(problems...))
	}
	return nil, fmt.Errorf("no container runtime answers at the socket of --cri-socket; tried: %w", errors.Join(problems...))
}

// dial connects to the container runtime and asks for its version, within callTimeout. A socket that nothing answers at is an error: gRPC itself
// would report it at the first use.
func dial(ctx context.Context, path string) (*Client, error) {
	if err := isSocket(path); err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient("unix://"+path,
		grpc.WithTransportCredentials(insecure.NewCredentials()), // a local socket that only root opens
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)))
	if err != nil {
		return nil, err
	}
	c := &Client{conn: conn, cri: cri.NewRuntimeServiceClient(conn), host: newHost(procfs)}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	v, err := c.cri.Version(ctx, &cri.VersionRequest{})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("it does not answer as a CRI v1 runtime: %w", plain(err)), conn.Close())
	}
	c.Runtime = v.GetRuntimeName() + " " + v.GetRuntimeVersion()
	return c, nil
}

// locate returns the path that leads to the node's file from here.
func locate(path string) string {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if there := onNode(path); isSocket(there) == nil {
			return there
		}
	}
	return path
}

// isSocket distinguishes a missing socket from other errors, which gRPC reports alike.
func isSocket(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("no such file, neither here nor on the node")
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("not a socket")
	default:
		return nil
	}
}

// Close ends the connection and every stream of events.
func (c *Client) Close() error { return c.conn.Close() }

// plain takes gRPC's wrapping off an error, and turns "not found" into ErrGone.
func plain(err error) error {
	s, ok := status.FromError(err)
	switch {
	case !ok:
		return err
	case s.Code() == codes.NotFound:
		return fmt.Errorf("%w: %s", ErrGone, s.Message())
	default:
		return fmt.Errorf("%s (%s)", s.Message(), s.Code())
	}
}
