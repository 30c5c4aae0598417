package netns

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// NumberOf is the number by which links in this namespace name the other one as that of their other end (rtnetlink's
// nsid); negative: none of them does.
func (n *Namespace) NumberOf(other *Namespace) (number int, err error) {
	err = n.Do(func() (err error) {
		number, err = netlink.GetNetNsIdByFd(int(other.handle.Fd()))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("number of network namespace %s in %s: %w", other.path, n.path, err)
	}
	return number, nil
}
