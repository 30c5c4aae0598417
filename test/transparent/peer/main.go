// Command peer is the clients and servers in Go of test/transparent. Its arguments are a role, an address and what the role needs.
package main

import (
	"fmt"
	"os"
)

func main() {
	roles := map[string]func(address string) error{
		"mirror": mirror, "http-server": serveHTTP, "http": httpClient, "h2c": h2cClient, "grpc-server": serveGRPC, "grpc": grpcClient,
		"mllp-server": serveMLLP, "mllp": mllpClient,
	}
	if len(os.Args) != 3 || roles[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: peer ROLE ADDRESS")
		os.Exit(2)
	}
	if err := roles[os.Args[1]](os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
