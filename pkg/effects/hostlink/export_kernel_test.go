//go:build kernel

package hostlink

import "github.com/google/nftables"

// Unsupported is unsupported, for tests.
func Unsupported(err error, hook *nftables.ChainHook) bool { return unsupported(err, hook) }
