package netns

import "os"

// HasIPv6 reports whether the kernel has IPv6 (ip-sysctl: ipv6.disable=1 leaves no such file).
func HasIPv6() bool {
	_, err := os.Stat("/proc/net/if_inet6")
	return err == nil
}
