package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// Dirs are the places where the lab keeps its files.
type Dirs struct {
	// Cache survives labs: programs, downloads and images.
	Cache string
	// State belongs to the lab that is up: certificates, configuration, logs, the nodes' disks. Wiped by up and down.
	State string
	// Run holds what only makes sense while the lab is up: locks, and each machine's /run.
	Run string
}

// stateRoot is what the State of every lab begins with.
const stateRoot = "/var/lib/data-spacer-lab"

// NewDirs are the directories of the lab of that name. The cache, which all labs share, is named by DATA_SPACER_CACHE or
// else lies in the user's own.
func NewDirs(name string) (Dirs, error) {
	if !regexp.MustCompile(`^[a-z][a-z0-9]{0,7}$`).MatchString(name) {
		return Dirs{}, fmt.Errorf("%q cannot be a lab's name: it takes a letter and up to seven letters or digits, all lower case", name)
	}
	cache := os.Getenv("DATA_SPACER_CACHE")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return Dirs{}, fmt.Errorf("find the cache directory (set DATA_SPACER_CACHE or HOME): %w", err)
		}
		cache = filepath.Join(home, ".cache", "data-spacer")
	}
	cache, err := filepath.Abs(cache)
	if err != nil {
		return Dirs{}, fmt.Errorf("cache directory %s: %w", cache, err)
	}
	suffix := ""
	if name != DefaultName {
		suffix = "-" + name
	}
	return Dirs{Cache: cache, State: stateRoot + suffix, Run: "/run/data-spacer-lab" + suffix}, nil
}

// States are the State directories of all labs of this machine, whichever cache they use.
func States() ([]string, error) {
	found, err := filepath.Glob(stateRoot + "*")
	if err != nil {
		return nil, fmt.Errorf("find labs: %w", err)
	}
	return found, nil
}

// Bin holds the programs that are built or fetched.
func (d Dirs) Bin() string { return filepath.Join(d.Cache, "bin") }

// Program is the path of one program in Bin.
func (d Dirs) Program(name string) string { return filepath.Join(d.Bin(), name) }

// Images holds the built images, as archives.
func (d Dirs) Images() string { return filepath.Join(d.Cache, "images") }

// Kernels holds the stock kernels that tests boot.
func (d Dirs) Kernels() string { return filepath.Join(d.Cache, "kernels") }

// Kernel is where the stock kernel of a release of Debian is: vmlinuz, lib/modules and version.
func (d Dirs) Kernel(series string) string { return filepath.Join(d.Kernels(), series) }

// Programs holds the clients and servers of test/transparent: root, where they run, and stamp.
func (d Dirs) Programs() string { return filepath.Join(d.Cache, "programs") }

// Browser is where the browser is that looks at the report's page.
func (d Dirs) Browser() string { return filepath.Join(d.Cache, "browser") }

// Kubeconfig is the administrator's kubeconfig.
func (d Dirs) Kubeconfig() string { return filepath.Join(d.State, "kubeconfig") }

// Machine is where a machine keeps its disk, configuration and logs.
func (d Dirs) Machine(name string) string { return filepath.Join(d.State, name) }

// Config is where a machine's configuration files are.
func (d Dirs) Config(name string) string { return filepath.Join(d.Machine(name), "config") }

// Logs is where a machine's programs log, one file each. They outlive the lab, for whoever asks why it failed.
func (d Dirs) Logs(name string) string { return filepath.Join(d.Cache, "logs", name) }

// Disk is where a machine keeps its own version of an absolute directory path, such as /var/lib/kubelet.
func (d Dirs) Disk(name, path string) string { return filepath.Join(d.Machine(name), "disk", path) }

// MachineRun is what a machine sees as /run.
func (d Dirs) MachineRun(name string) string { return filepath.Join(d.Run, name) }

// Lock is held by a machine's first process for as long as the machine lives.
func (d Dirs) Lock(name string) string { return filepath.Join(d.Run, name+".lock") }

// ContainerdSocket is a node's containerd, seen from outside the node.
func (d Dirs) ContainerdSocket(name string) string {
	return filepath.Join(d.MachineRun(name), "containerd", "containerd.sock")
}
