// Command cni is the CNI plugin data-space-cni: it holds a foreign pod's start until the agent of its node has enforced it.
package main

import (
	"os"

	"data-space.liqo.io/pkg/programs/cniplugin"
)

func main() { os.Exit(cniplugin.Run(os.Getenv, os.Stdout)) }
