//go:build transparent

package transparent

import "fmt"

// servers are all servers, each with its clients.
func servers() []server {
	return []server{mirror(), nginx(), apache(), tomcat(), gunicorn(), node(), goHTTP(), edges(), goGRPC(), postgres(), mariadb(), redis(), nats(), smtp(), ftp(), squid(), dicom(), mllp(), plain()}
}

// curls are runs of curl against a server; -i shows the answer's head as it came.
func curls(args ...string) []client {
	var all []client
	for _, a := range args {
		all = append(all, client{"curl " + a, "curl -sS -i --max-time 15 " + a})
	}
	return all
}

// libraries are the clients that send a fixed series of requests.
func libraries(port int) []client {
	at := fmt.Sprintf("server %d", port)
	url := fmt.Sprintf("http://server:%d", port)
	return []client{
		{"http.client of Python", "python3 /srv/clients.py http.client " + at},
		{"requests of Python", "python3 /srv/clients.py requests " + at},
		{"aiohttp of Python", "python3 /srv/clients.py aiohttp " + at},
		{"http of Node", "node /srv/clients.js http " + at},
		{"fetch of Node", "node /srv/clients.js fetch " + at},
		{"Apache HttpClient", "java -XX:TieredStopAtLevel=1 Clients apache " + url},
		{"HttpClient of Java", "java -XX:TieredStopAtLevel=1 Clients http " + url},
		{"HttpURLConnection of Java", "java -XX:TieredStopAtLevel=1 Clients url " + url},
		{"net/http of Go", "peer http server:" + fmt.Sprint(port)},
		{"wget", "wget -S -q -O - " + url + "/get"},
	}
}

// mirror answers with the very bytes of the request.
func mirror() server {
	return server{name: "mirror", run: "peer mirror :8000", ports: []int{8000}, clients: append(curls(
		"http://server:8000/get",
		"http://server6:8000/get",
		"--http1.0 http://server:8000/get",
		"-d body http://server:8000/post",
		"-X purge http://server:8000/own",
		"-X PROPFIND -H 'Depth: 1' http://server:8000/own",
		"-I http://server:8000/head",
		"--request-target '*' -X OPTIONS http://server:8000/",
		"--request-target http://elsewhere/absolute http://server:8000/",
		"--path-as-is 'http://server:8000/a/../b;c=%00?d=[e]'",
		"-H 'Connection: Upgrade' -H 'Upgrade: TLS/1.2' http://server:8000/patients",
		"-H 'Connection: Upgrade' -H 'Upgrade: mllp/1' -T /srv/wsgi.py http://server:8000/put",
		"-H 'TE: gzip, chunked' -H 'Connection: TE' http://server:8000/get",
		"-H 'Transfer-Encoding: chunked' -H 'Expect: 100-continue' -T /srv/wsgi.py http://server:8000/put",
		"-H 'Host:' http://server:8000/nameless",
		"-H 'Host: a' -H 'X_Under: 1' -H 'X-Empty;' http://server:8000/get",
		"--raw http://server:8000/chunked",
		"http://server:8000/trailers http://server:8000/sse http://server:8000/204",
		"--raw http://server:8000/close",
		"http://server:8000/hints",
		"--raw http://server:8000/odd",
		"http://server:8000/many",
		"http://server:8000/large",
		"http://server:8000/late",
		"-T /usr/bin/openssl http://server:8000/early413",
		"http://server:8000/open http://server:8001/unserved",
		`-H "X-Large: $(head -c 71680 /dev/zero | tr '\0' x)" -o /tmp/large -w '%{http_code}' http://server:8000/get`,
	), append(libraries(8000),
		client{"curl with 150 headers", "seq -f 'X-H-%g: 1' 150 >/tmp/headers; curl -sS -i -H @/tmp/headers http://server:8000/get"},
		client{"http of Node that upgrades", "node /srv/clients.js upgrade server 8000"},
		client{"nc that ends its side", `printf 'GET /late HTTP/1.1\r\nHost: h\r\n\r\n' | nc.openbsd -N server 8000`},
		client{"nc that sends two at once", `printf 'GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n' | nc.openbsd server 8000`},
		client{"nc to a port where nothing listens", "nc.openbsd -v -z server 8001"},
	)...)}
}

func nginx() server {
	return server{name: "nginx", run: "nginx -e /dev/null -c /srv/nginx.conf", ports: []int{80, 443}, log: "log", clients: append(curls(
		"http://server/echo", "-H 'X-MiXed: Case' http://server/echo?a=b", "http://server/old", "-L http://server/old", "http://server/teapot",
		"-r 10-20 http://server/nginx.conf", "-H 'If-None-Match: *' http://server/nginx.conf", "--compressed http://server/nginx.conf",
		"http://server/gone", "-T /srv/clients.js http://server/echo", "http://server/slow -o /dev/null -w '%{size_download}'",
		"--http2-prior-knowledge http://server:8081/echo", "--http2 http://server:8081/echo", "-k https://server/echo", "-k --http1.1 https://server/echo",
		"--cacert /srv/made/cert.pem https://server/echo", "http://server:443/plain", "http://server6/echo",
	), client{"two requests with three seconds between", "python3 /srv/rest.py server 80"},
		client{"nghttp that upgrades", "nghttp -nv -u http://server:8081/echo | grep -a -e '^  *:status' -e HTTP/1.1"},
		client{"openssl", "printf 'GET /echo HTTP/1.0\r\n\r\n' | openssl s_client -quiet -ign_eof -CAfile /srv/made/cert.pem -verify_return_error -connect server:443 -servername server"},
	)}
}

func apache() server {
	return server{name: "Apache httpd", run: "apache2 -DFOREGROUND -f /srv/apache.conf", ports: []int{80}, clients: append(curls(
		"http://server/wsgi.py", "-X TRACE -H 'X-MiXed: Case' http://server/echo", "-X OPTIONS --request-target '*' http://server/",
		"-r 5-9 http://server/wsgi.py", "http://server/gone", "http://server/none", "--http2 http://server/wsgi.py",
		"--http2-prior-knowledge http://server/wsgi.py", "-H 'Connection: Upgrade' -H 'Upgrade: TLS/1.2' http://server/wsgi.py", "-H 'Host:' http://server/wsgi.py",
	), client{"two requests with three seconds between", "python3 /srv/rest.py server 80"})}
}

func tomcat() server {
	return server{name: "Tomcat", run: "java -XX:TieredStopAtLevel=1 TomcatServer 8080 2>/dev/null", ports: []int{8080}, clients: append(curls(
		"http://server:8080/get", "-H 'X-MiXed: Case' -d body http://server:8080/post", "http://server:8080/gone", "--http2 http://server:8080/get",
	),
		client{"Apache HttpClient", "java -XX:TieredStopAtLevel=1 Clients apache http://server:8080"},
		client{"HttpClient of Java", "java -XX:TieredStopAtLevel=1 Clients http1 http://server:8080"},
		client{"HttpURLConnection of Java", "java -XX:TieredStopAtLevel=1 Clients url http://server:8080"},
	)}
}

func gunicorn() server {
	return server{name: "gunicorn", run: "gunicorn --chdir /srv --worker-tmp-dir /tmp --keep-alive 2 --log-level critical -b '[::]:8000' wsgi", ports: []int{8000}, clients: append(curls(
		"http://server:8000/get?a=b%2F", "-d body http://server:8000/post", "http://server:8000/204",
		"-H 'Transfer-Encoding: chunked' -d body http://server:8000/post",
	),
		client{"requests of Python", "python3 /srv/clients.py requests server 8000"},
	)}
}

func node() server {
	return server{name: "Node", run: "node /srv/server.js 8000", ports: []int{8000}, clients: append(curls(
		"http://server:8000/get?a=b%2F", "-d body http://server:8000/post", "http://server:8000/sse", "http://server:8000/trailers",
		"-H 'Expect: 100-continue' -d body http://server:8000/post", "-X SEARCH http://server:8000/own",
	),
		client{"http of Node", "node /srv/clients.js http server 8000"},
		client{"http of Node that upgrades", "node /srv/clients.js upgrade server 8000"},
		client{"websocket of Node", "node /srv/clients.js websocket server 8000"},
		client{"websocket of aiohttp", "python3 /srv/clients.py websocket server 8000"},
		client{"websocket of Java", "java -XX:TieredStopAtLevel=1 Clients websocket http://server:8000"},
	)}
}

func goHTTP() server {
	return server{name: "net/http", run: "peer http-server :8000", ports: []int{8000}, clients: append(curls(
		"http://server:8000/get", "--http2-prior-knowledge -H 'X-MiXed: Case' -d body http://server:8000/post",
	),
		client{"net/http of Go", "peer http server:8000"},
		client{"net/http of Go by HTTP/2", "peer h2c server:8000"},
		client{"nghttp", "nghttp -nv http://server:8000/hints | grep -a -e '^  *:status' -e x-sum"},
	)}
}

// edges is tried by h2spec, which sends what HTTP/2 allows and what it forbids, and prints how the server takes each. Where Envoy's codec
// answers in the server's place, h2spec waits for most of its answers until its time is over.
func edges() server {
	return server{name: "net/http at its edges (with the module)", module: true, run: "peer http-server :8000 2>/dev/null", ports: []int{8000}, clients: []client{
		{"h2spec", "h2spec -h server -p 8000 -o 5 | grep -v '^Finished'"},
	}}
}

func goGRPC() server {
	return server{name: "grpc-go", run: "peer grpc-server :50051", ports: []int{50051}, clients: []client{{"grpc-go", "peer grpc server:50051"}}}
}
