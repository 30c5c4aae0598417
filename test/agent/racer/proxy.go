package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"data-space.liqo.io/pkg/values/apis"
)

// proxy takes the connections that the rules lead to it, and calls the given peers again and again.
func proxy(peers []string) error {
	for _, port := range []uint16{apis.PortEgressTCP, apis.PortIngressTCP, apis.PortReady} {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return err
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					time.Sleep(time.Second)
					continue
				}
				_ = c.Close()
			}
		}()
	}
	for _, to := range peers {
		go func() {
			for ; ; time.Sleep(20 * time.Millisecond) {
				c, err := net.DialTimeout("tcp", to, 250*time.Millisecond) //nolint:gosec // the test says where to
				if err != nil {
					continue
				}
				_ = c.SetDeadline(time.Now().Add(time.Second))
				_, _ = c.Write([]byte("proxy"))
				_, _ = io.Copy(io.Discard, c)
				_ = c.Close()
			}
		}()
	}
	select {}
}

// hog is a proxy that takes memory until it is killed.
func hog() error {
	var all [][]byte
	for {
		block := make([]byte, 1<<20)
		for i := range block {
			block[i] = 1
		}
		all = append(all, block)
		if len(all) > 1<<12 {
			return fmt.Errorf("nobody minds %d MiB", len(all))
		}
		time.Sleep(time.Millisecond)
	}
}
