// Package cniconf installs Data Spacer's CNI plugin on the node: its file in the runtime's plugin folder, and its entry in
// the configuration that the runtime uses. It restores both when they change, and removes them.
package cniconf
