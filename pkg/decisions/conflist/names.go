package conflist

import (
	"path"
	"strings"
)

// The names by which a plugin's own configuration is turned into a list, and kept: no runtime reads a file that ends in
// asideSuffix, and in the order of bytes madeSuffix comes right behind the name itself.
const (
	madeSuffix  = ".conflist"
	asideSuffix = ".data-spacer"
)

// List reports whether a file of that name is a configuration list.
func List(name string) bool { return path.Ext(name) == ".conflist" }

// Single reports whether a file of that name is the configuration of one plugin.
func Single(name string) bool { return path.Ext(name) == ".conf" || path.Ext(name) == ".json" }

// Made is the name of the list that stands for the configuration of one plugin.
func Made(single string) string { return single + madeSuffix }

// Aside is the name under which the configuration of one plugin waits meanwhile.
func Aside(single string) string { return single + asideSuffix }

// Original returns the name of what waits under the given one.
func Original(aside string) (single string, ok bool) {
	single, ok = strings.CutSuffix(aside, asideSuffix)
	return single, ok && Single(single)
}
