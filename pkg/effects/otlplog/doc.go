// Package otlplog sends facts to a collector of OpenTelemetry, as log records in protobuf over HTTP (OTLP 1.x, OTLP/HTTP).
package otlplog
