package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sort"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// watches is more than the 100 streams that some servers and proxies allow a connection.
const watches = 150

// serveGRPC serves gRPC's health service, and shows what it received.
func serveGRPC(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	show := func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		got, _ := metadata.FromIncomingContext(ctx)
		var names []string
		for name, values := range got {
			names = append(names, fmt.Sprint(name, "=", values))
		}
		sort.Strings(names)
		deadline, ok := ctx.Deadline()
		fmt.Println(names, ok && time.Until(deadline) > time.Second)
		if err := errors.Join(grpc.SetHeader(ctx, metadata.Pairs("h", "header")), grpc.SetTrailer(ctx, metadata.Pairs("t-bin", "\x00\xff"))); err != nil {
			return nil, err
		}
		return next(ctx, request)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(show))
	healthpb.RegisterHealthServer(server, health.NewServer())
	return server.Serve(l)
}

// grpcClient calls the health service: once, of an unknown service, and as 150 watches at a time.
func grpcClient(address string) error {
	c, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(context.Background(), "key", "value", "raw-bin", "\x00\xff"), 20*time.Second)
	defer cancel()
	client := healthpb.NewHealthClient(c)
	for _, service := range []string{"", "unknown"} {
		var header, trailer metadata.MD
		answer, err := client.Check(ctx, &healthpb.HealthCheckRequest{Service: service}, grpc.Header(&header), grpc.Trailer(&trailer))
		fmt.Println(answer, status.Code(err), err, sorted(header), sorted(trailer))
	}
	err = c.Invoke(ctx, "/grpc.health.v1.Health/None", &healthpb.HealthCheckRequest{}, &healthpb.HealthCheckResponse{})
	fmt.Println(status.Code(err) == codes.Unimplemented, err)
	return watch(ctx, client)
}

// watch opens all watches and waits until each has its first answer.
func watch(ctx context.Context, client healthpb.HealthClient) error {
	var group sync.WaitGroup
	failures := make([]error, watches)
	for i := range watches {
		group.Go(func() {
			stream, err := client.Watch(ctx, &healthpb.HealthCheckRequest{})
			if err == nil {
				_, err = stream.Recv()
			}
			failures[i] = err
		})
	}
	group.Wait()
	fmt.Fprintln(os.Stdout, watches, "watches", errors.Join(failures...))
	return nil
}

func sorted(m metadata.MD) string {
	var all []string
	for name, values := range m {
		all = append(all, fmt.Sprintf("%s=%q", name, values))
	}
	sort.Strings(all)
	return fmt.Sprint(all)
}
