package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"os"
	"strings"
	"time"
)

// serveHTTP serves HTTP/1 and HTTP/2 without TLS: each request is answered with what the server saw.
func serveHTTP(address string) error {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Addr: address, Protocols: protocols, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dump, err := httputil.DumpRequest(r, true)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("Date", "none")
		if r.URL.Path == "/hints" {
			w.Header().Set("Link", "</style.css>")
			w.WriteHeader(http.StatusEarlyHints)
		}
		fmt.Fprint(w, padded(fmt.Sprintf("%s\n%s %v\n", dump, r.RequestURI, r.Trailer)))
		w.Header().Set("X-Sum", "42")
	})}
	return server.ListenAndServe()
}

func httpClient(address string) error { return roundTrips(address, false) }

func h2cClient(address string) error { return roundTrips(address, true) }

// roundTrips sends a few requests over one connection and prints all that came back.
func roundTrips(address string, h2 bool) error {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(!h2)
	protocols.SetUnencryptedHTTP2(h2)
	client := &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{Protocols: protocols, MaxConnsPerHost: 1, DisableCompression: true}}
	for _, r := range []struct {
		method, path, body string
		header             http.Header
	}{
		{"GET", "/a//b/../c%2F?x=%2f&y", "", nil},
		{"POST", "/post", "body", http.Header{"Expect": {"100-continue"}}},
		{"PUT", "/chunked-upload", "unknown length", http.Header{"Trailer": nil}},
		{"PROPFIND", "/own", "", http.Header{"X-Two": {"1", "2"}, "x-lower": {"as is"}}},
		{"GET", "/hints", "", nil},
		{"GET", "/large", "", http.Header{"X-Large": {strings.Repeat("x", 20<<10)}}},
	} {
		body := io.Reader(strings.NewReader(r.body))
		if r.path == "/chunked-upload" {
			body = io.MultiReader(body) // of unknown length
		}
		if err := roundTrip(client, address, r.method, r.path, body, r.header); err != nil {
			fmt.Println("ERROR", r.method, r.path, err)
		}
	}
	return nil
}

func roundTrip(client *http.Client, address, method, path string, body io.Reader, header http.Header) error {
	trace := &httptrace.ClientTrace{
		Got100Continue: func() { fmt.Println("100 continue") },
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error { fmt.Println("information", code, h); return nil },
	}
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace), method, "http://"+address+path, body)
	if err != nil {
		return err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	fmt.Printf("== %s %s: %s %s\n", method, path, response.Proto, response.Status)
	if err := response.Header.Write(os.Stdout); err != nil {
		return err
	}
	text = bytes.ReplaceAll(text, bytes.Repeat([]byte("x"), 20<<10), []byte("20 KiB"))
	fmt.Printf("%s\ntrailer %v\n", text, response.Trailer)
	return err
}
