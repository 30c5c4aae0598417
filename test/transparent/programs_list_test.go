//go:build transparent

package transparent

import "slices"

// anywhere is every server, client and direction.
func anywhere() []string { return []string{"* | * | *"} }

// whole is for answers that differ in each line.
func whole() map[change]string { return map[change]string{lost: `.*`, added: `.*`, stands: `.*`} }

// notices are all that are known.
func notices() []notice { return append(spellings(), append(refusals(), connections()...)...) }

// noticedOf are those of the proxies that run. With the module, the order of lines in Apache's log is left open: its lines differed once, for a reason
// that is not known.
func noticedOf(module bool) []notice {
	if !module {
		return notices()
	}
	of := slices.DeleteFunc(notices(), func(n notice) bool { return !n.module })
	return append(of, notice{name: "Apache's log", where: []string{"Apache httpd | log | *"}, lines: whole(), chance: true})
}

// spellings are what the HTTP codec of the proxy writes in another way than it was sent.
func spellings() []notice {
	return []notice{
		{
			name: "Date", where: anywhere(),
			lines:   map[change]string{added: `\s*[dD]ate: \[?DATE\]?|.*date=\["DATE"\].*`, lost: `.*\[content-type=\["application/grpc"\] h=.*`},
			symptom: "An answer without `Date` has one; gRPC's metadata, too",
			reason:  "A recipient with a clock adds it (RFC 9110, 6.6.1)",
			remedy:  "None is needed: clients accept it",
		},
		{
			name: "Fields of one connection", where: anywhere(),
			lines: map[change]string{
				lost:  `(?i)\s*(connection|keep-alive|upgrade|http2-settings|te|x-seen-connection): .*|  "(Connection|keep-alive)",?|trailers `,
				added: `(?i)\s*connection: close`,
			},
			symptom: "`Connection`, `Keep-Alive`, `TE` and offers of `Upgrade` do not reach the other side",
			reason:  "They are about one connection (RFC 9110, 7.6.1), and there are two",
			remedy:  "[Upgrades](#upgrades)",
		},
		{
			name: "Place and case of fields", where: anywhere(),
			lines: map[change]string{
				stands: `\s*[\w-]+: .*|\s*|  "[^"]*",?`,
				lost:   `x-TWICE: 2|.*X-Sum(: |\|)\d+|Host: .*|x-two: 2\s*|  "(2|Host|server:8000)",?`,
				added:  `x-twice: 2|.*x-sum(: |\|)\d+|Host: .*|x-two: 2\s*|  "(2|Host|server:8000)",?`,
			},
			symptom: "`Host` comes first, `Transfer-Encoding` last. A name that comes twice in two cases has the first one. Names of trailers are in lower case",
			reason:  "Envoy keeps one spelling for each name, and writes these two fields itself",
			remedy:  "None is needed: neither carries a meaning (RFC 9110, 5.1 and 5.3)",
		},
		{
			name: "Framing", where: []string{"mirror | curl --raw * | *", "mirror | curl --http1.0 * | *", "mirror | curl -H 'Host: a'* | *", "mirror | nc that ends* | *"},
			lines:   whole(),
			symptom: "Chunks have other sizes and no extensions; an answer that ends with the connection comes in chunks; HTTP/1.0 arrives as 1.1; an empty value has a blank before it",
			reason:  "Envoy reads a message and writes it again",
			remedy:  "None is needed: bodies are the same, byte by byte",
		},
		{
			name: "Length of no body", where: []string{"* | curl -X * | *", "* | * of Python | *", "* | net/http of Go* | *"},
			lines:   map[change]string{added: `(?i)content-length: 0|  "(content-length|0|\*/\*)",?`, lost: `  "\*/\*"`},
			symptom: "An own method without a body has `content-length: 0`",
			reason:  "Envoy writes it for each method that may have a body",
			remedy:  "None is needed: it says the same (RFC 9110, 8.6)",
		},
		{
			name: "Reason of a status", where: []string{"nginx | curl http://server/teapot | *", "Tomcat | * | *"},
			lines:   map[change]string{lost: `(HTTP/1.1|== \w*) ?\d+ (null)?|null: HTTP/1.1 \d+ ?`, added: `((null: )?HTTP/1.1|== \w*) ?\d+ (OK|Gone|Unknown)`},
			symptom: "An empty reason becomes Envoy's",
			reason:  "Envoy writes its own where it received none",
			remedy:  "None is needed: clients ignore it (RFC 9112, 4)",
		},
	}
}

// refusals are messages that the proxy does not pass as they are.
func refusals() []notice {
	return []notice{
		{
			name: "Upgrades that succeed", lines: whole(),
			where:   []string{"* | http of Node that upgrades | *", "Apache httpd | curl --http2 * | *", "Tomcat | curl --http2 * | *"},
			symptom: "A server that would change to an own protocol, or to h2c in the middle of a connection, answers in HTTP/1.1, or its 101 becomes 502",
			reason:  "The offer does not reach it",
			remedy:  "[Opaque ports](#opaque-ports); HTTP/2 with prior knowledge",
		},
		{
			name: "OPTIONS *", lines: whole(),
			where:   []string{`* | curl*--request-target '\*'* | *`},
			symptom: "404 in place of the server's answer",
			reason:  "Envoy passes on targets that begin with `/` only",
			remedy:  "[Opaque ports](#opaque-ports)",
		},
		{
			name: "Absolute form", where: []string{"mirror | curl --request-target http:* | *"}, lines: whole(),
			symptom: "The server receives the path and the Host",
			reason:  "[Forward proxies](#forward-proxies)",
			remedy:  "`Proxy-Connection`, or port 3128",
		},
		{
			name: "No Host", where: []string{"* | curl -H 'Host:' * | *"}, lines: whole(),
			symptom: "400", reason: "Servers must answer 400 as well (RFC 9112, 3.2)", remedy: "Send a Host",
		},
	}
}

// connections are what is noticed of the connection itself.
func connections() []notice {
	return []notice{
		{
			name: "Nothing listens", module: true, where: []string{"mirror | *unserved | out", "mirror | *unserved | between", "mirror | nc to a port where nothing listens | out", "mirror | nc to a port where nothing listens | between"},
			lines:   map[change]string{lost: `exit .*|.*(Could not connect|Connection refused).*`, added: `exit .*|.*(reset by peer|succeeded).*`},
			symptom: "`connect` succeeds, then the connection is reset",
			reason:  "The proxy accepts the connection before it calls the destination",
			remedy:  "Have a readiness check wait for an answer, not for `connect`",
		},
		{
			name: "Closed without an answer", where: []string{"nginx | curl http://server/gone | *"},
			lines:   map[change]string{lost: `exit 52|.*Empty reply.*`, added: `exit 56|.*reset by peer.*`},
			symptom: "A server that closes without an answer: the client's connection is reset, not closed",
			reason:  "Envoy would answer 503 in the server's place; the reset says that no answer came",
			remedy:  "None is needed: clients treat both as a failure",
		},
		{
			name: "Rest of a connection", where: []string{"* | two requests with three seconds between | *", "nginx | log | *", "Apache httpd | log | *"},
			lines:   map[change]string{lost: `ERROR RemoteDisconnected|200 OK .*|.*"(GET /wsgi.py|OPTIONS \*) .*`, added: `200 OK .*|.*"GET /wsgi.py .*`},
			symptom: "A server that closes a connection at rest: the client's stays open, and its next request is answered over a new one",
			reason:  "The client's connection to the proxy ends when the client ends it",
			remedy:  "None is needed: the client sees one failure less",
		},
		{
			name: "Early end of one's side", module: true, lines: whole(), chance: true,
			where:   []string{"Redis | inline * | *", "SMTP | nc | *", "NATS | nc that waits for the greeting | *", "FTP | curl that stores | *"},
			symptom: "A client that ends its side of the connection with its first bytes, or without any, gets its answer 0.4 to 0.8 s later. With the codec it gets no answer on a node so busy that the proxy has not read the first bytes by then",
			reason:  "The rule `ds-early-end` delays an early FIN, in pods of either mode. The codec's proxies need it: they read the first bytes before they call the destination, and close a connection whose client has ended its side by then",
			remedy:  "[Opaque ports](#opaque-ports)",
		},
		{
			name: "FTP in active mode", module: true, where: []string{"FTP | *active mode | *", "FTP | ftp.py | *"}, lines: whole(), chance: true,
			symptom: "A server in a foreign pod refuses the client's `PORT`; a client in a foreign pod may not receive the data",
			reason:  "The control connection comes from the proxy's address 169.254.13.41, and the data connection names the client's",
			remedy:  "Passive mode, the default of all clients today",
		},
		{
			name: "The client's address", module: true, where: []string{"MariaDB | mariadb | in", "MariaDB | mariadb | between", "PostgreSQL | psql | in", "PostgreSQL | psql | between"},
			lines:   map[change]string{lost: `.*(address|---).*`, added: `.*(address|---).*`},
			symptom: "A server in a foreign pod sees 169.254.13.41 or fd5a:c3e1:970b::1341 as the address of each client. (Elsewhere in this comparison these addresses are read as the client's)",
			reason:  "The rules know the proxy's calls by the address",
			remedy:  "The record has the client's address. Trust in an address is no authentication",
		},
	}
}
