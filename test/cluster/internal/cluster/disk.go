package cluster

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"data-space.liqo.io/test/cluster/internal/plan"
	"data-space.liqo.io/test/cluster/internal/render"
	"data-space.liqo.io/test/cluster/internal/supply"
)

// prepare writes everything that the machines find on their disks.
func (c *Cluster) prepare(now time.Time) error {
	for _, dir := range []string{c.Dirs.State, c.Dirs.Run} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("prepare the lab's directories: %w", err)
		}
	}
	for _, name := range c.Lab.Names() {
		if err := errors.Join(
			os.RemoveAll(c.Dirs.Logs(name)), os.MkdirAll(c.Dirs.Logs(name), 0o755), os.MkdirAll(c.Dirs.MachineRun(name), 0o755),
		); err != nil {
			return fmt.Errorf("prepare the directories of %s: %w", name, err)
		}
	}
	credentials, err := render.NewCredentials(c.Lab, now)
	if err != nil {
		return err
	}
	admin, err := credentials.Admin()
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Dirs.Kubeconfig(), admin, 0o600); err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	if err := c.prepareControl(credentials); err != nil {
		return err
	}
	for _, n := range c.Lab.Nodes {
		if err := c.prepareNode(n, credentials); err != nil {
			return fmt.Errorf("prepare %s: %w", n.Name, err)
		}
	}
	return c.makeMountPoints()
}

func (c *Cluster) prepareControl(credentials *render.Credentials) error {
	files, err := credentials.Control()
	if err != nil {
		return err
	}
	if files["kube-proxy.yaml"], err = render.KubeProxy(c.Lab, c.Lab.Control, c.Dirs); err != nil {
		return err
	}
	return write(files, c.Dirs.Config(c.Lab.Control.Name))
}

func (c *Cluster) prepareNode(m plan.Machine, credentials *render.Credentials) error {
	for _, dir := range render.PrivateDirs() {
		if err := os.MkdirAll(c.Dirs.Disk(m.Name, dir), 0o755); err != nil {
			return err
		}
	}
	secrets, err := credentials.Node(m)
	if err != nil {
		return err
	}
	files, err := render.NodeFiles(c.Lab, m, c.Dirs)
	if err != nil {
		return err
	}
	network, err := render.NetworkConfig(m)
	if err != nil {
		return err
	}
	for _, plugin := range supply.NetworkPlugins() {
		if err := copyFile(c.Dirs.Program(plugin), filepath.Join(c.Dirs.Disk(m.Name, "/opt/cni"), "bin", plugin)); err != nil {
			return err
		}
	}
	return errors.Join(
		write(secrets, c.Dirs.Config(m.Name)),
		write(files, c.Dirs.Config(m.Name)),
		write(render.Files{"10-lab.conflist": network}, filepath.Join(c.Dirs.Disk(m.Name, "/etc/cni"), "net.d")),
	)
}

func write(files render.Files, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
