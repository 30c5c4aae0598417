// Package cniconf puts Data Spacer's plugin into the node's CNI chain, keeps it there, and takes it out: the file of the
// plugin in the runtime's folder of plugins, and its entry in the configuration that the runtime uses.
package cniconf
