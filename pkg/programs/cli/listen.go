package cli

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/spf13/pflag"
)

// ParsePort accepts the port of a server.
func ParsePort(text string) (int, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("%q is not a port; use 1 to 65535", text)
	}
	return int(port), nil
}

// AddressParser returns what accepts host:port. Errors name the example. An error of the port is wrongPort, after the address;
// empty: that of ParsePort.
func AddressParser(example, wrongPort string) func(text string) (string, error) {
	return func(text string) (string, error) {
		_, port, err := net.SplitHostPort(text)
		if err != nil {
			return "", fmt.Errorf("%q is not host:port; write for example %s", text, example)
		}
		_, err = ParsePort(port)
		switch {
		case err != nil && wrongPort != "":
			return "", fmt.Errorf("%q %s; write for example %s", text, wrongPort, example)
		case err != nil:
			return "", err
		}
		return text, nil
	}
}

// OrNone returns what accepts 0, for none, and all that the other parser accepts.
func OrNone(address func(text string) (string, error)) func(text string) (string, error) {
	return func(text string) (string, error) {
		if text == "0" {
			return text, nil
		}
		return address(text)
	}
}

// Metrics adds the flags of the metrics: where they are served, and with which certificate.
func Metrics(f *pflag.FlagSet, address, certDir *string, parse func(text string) (string, error)) {
	Var(f, "metrics-bind-address", "`host:port` of the metrics, 0 for none (default "+*address+")", address, parse)
	MetricsCertDir(f, certDir)
}

// MetricsCertDir adds the flag that names the certificate of the metrics.
func MetricsCertDir(f *pflag.FlagSet, dir *string) {
	f.StringVar(dir, "metrics-cert-dir", "", "`directory` of the certificate (tls.crt, tls.key) with which metrics are served over HTTPS, followed when it changes;"+
		" empty: the program makes one, and another one each day")
}

// DrainParser returns what accepts a time for which a program still serves after SIGTERM. Errors name the reason of its bound.
func DrainParser(most time.Duration, reason string) func(text string) (time.Duration, error) {
	return func(text string) (time.Duration, error) {
		drain, err := time.ParseDuration(text)
		if err != nil || drain < 0 || drain > most {
			return 0, fmt.Errorf("%q is not a time of 0s to %s, %s; write for example 10s", text, most, reason)
		}
		return drain, nil
	}
}
