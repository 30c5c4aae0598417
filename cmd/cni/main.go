// Command cni is the CNI plugin data-space-cni: it holds a foreign pod's start until the agent of its node has enforced it.
package main

import (
	"fmt"
	"os"

	"data-space.liqo.io/pkg/effects/buildinfo"
	"data-space.liqo.io/pkg/programs/cniplugin"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "--version" {
		fmt.Println("cni version", buildinfo.Version())
		return
	}
	os.Exit(cniplugin.Run(os.Getenv, os.Stdout))
}
