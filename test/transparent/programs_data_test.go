//go:build transparent

package transparent

// python is a client of a few lines.
func python(name string) client { return client{name, "python3 /srv/" + name} }

func postgres() server {
	sql := "psql -X -h server -U app -d postgres -v VERBOSITY=verbose "
	return server{
		name: "PostgreSQL", ports: []int{5432}, ready: "grep -q ready /tmp/pg/postmaster.pid",
		run: "sh -c 'rm -rf /tmp/pg && cp -r /srv/made/postgres /tmp/pg && chmod 700 /tmp/pg && exec postgres -D /tmp/pg -h 0.0.0.0 -k /tmp -c log_checkpoints=off -c fsync=off " +
			"-c ssl=on -c ssl_cert_file=/srv/made/cert.pem -c ssl_key_file=/tmp/pg/key.pem -c log_connections=on -c log_line_prefix= 2>>/tmp/log'",
		clients: []client{
			{"psql", sql + `-c "select 'address: ' || host(inet_client_addr()) as address, current_user" -c 'select 1/0'`},
			{"psql without TLS", "PGSSLMODE=disable " + sql + `-c 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'`},
			{"psql that verifies TLS", "PGSSLMODE=verify-full PGSSLROOTCERT=/srv/made/cert.pem " + sql + `-c 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'`},
			{"psql that copies 2 MB both ways", "seq 1 300000 >/tmp/in && " + sql + `-c 'create temp table t(a int)' -c '\copy t from /tmp/in' -c '\copy t to stdout' | cksum`},
			{"psql that is notified", sql + `-c 'listen a' -c "notify a, 'x'" | sed 's/PID [0-9]*/PID/'`},
			{"psql of a database that is not there", "psql -X -h server -U app -d none -c 'select 1'"},
			{"psql that cancels", sql + `-c "set statement_timeout = '100ms'" -c 'select pg_sleep(10)'`},
		},
	}
}

func mariadb() server {
	sql := "mariadb --no-defaults --skip-ssl -h server -u app "
	return server{
		name: "MariaDB", ports: []int{3306}, ready: "mariadb --no-defaults --skip-ssl -S /tmp/maria.sock -u root -e 'select 1'",
		run: "sh -c 'rm -rf /tmp/maria && cp -r /srv/made/maria /tmp/maria && exec mariadbd --no-defaults --datadir=/tmp/maria --socket=/tmp/maria.sock " +
			"--pid-file=/tmp/maria.pid --skip-name-resolve --bind-address=* --skip-ssl --innodb-flush-log-at-trx-commit=0 --log-error=/tmp/maria.err'",
		clients: []client{
			{"mariadb", sql + `-N -e "select concat('address: ', substring_index(user(), '@', -1)), 1+1; show status like 'Threads_connected'"`},
			{"mariadb with an error", sql + `-e 'select * from none.none'`},
			{"mariadb of a user that is not there", "mariadb --no-defaults --skip-ssl -h server -u none -e 'select 1'"},
			{"mariadb of 2 MB", sql + `-N -e "select repeat('x', 2000000)" | cksum`},
		},
	}
}

func redis() server {
	return server{
		name: "Redis", ports: []int{6379}, run: "redis-server --port 6379 --bind '*' --protected-mode no --save '' --dir /tmp --daemonize no --logfile /dev/null",
		clients: []client{
			{"redis-cli", "redis-cli -h server set a 1; redis-cli -h server get a; redis-cli -h server foo"},
			{"redis-cli by RESP3", `printf 'hset h f 1\nhgetall h\nclient list\n' | redis-cli -3 -h server | sed 's/id=.* laddr=.*//; s/ id=[0-9]*//'`},
			{"redis-cli of 1000 commands in a pipe", `seq -f 'SET k%g v' 1 1000 | sed 's/$/\r/' | redis-cli -h server --pipe`},
			{"inline commands that end their side", `printf 'PING\r\nECHO hi\r\nQUIT\r\n' | nc.openbsd -N server 6379`},
			{"a subscriber", `redis-cli -h server subscribe c >/tmp/heard & until redis-cli -h server publish c hello | grep -q 1; do sleep 0.1; done; ` +
				`until grep -q hello /tmp/heard; do sleep 0.1; done; kill $!; cat /tmp/heard`},
		},
	}
}

func nats() server {
	return server{
		name: "NATS", ports: []int{4222}, run: "nats-server -a :: -p 4222 -l /dev/null",
		clients: []client{python("nats.py"), {"nc that waits for the greeting", "printf '' | nc.openbsd -q 2 server 4222 | grep -a -o '^INFO'"}},
	}
}

func smtp() server {
	return server{
		name: "SMTP", ports: []int{25}, run: "python3 /srv/smtpd.py 25",
		clients: []client{
			python("smtp.py"),
			{"curl", `printf 'Subject: a\r\n\r\nbody\r\n.dot\r\n' | curl -sS -v smtp://server/me --mail-from a@b --mail-rcpt c@d -T - 2>&1 | grep -a '^[<>]'`},
			{"curl with STARTTLS", `printf 'Subject: a\r\n\r\nbody\r\n' | curl -sS --ssl-reqd --cacert /srv/made/cert.pem smtp://server/me --mail-from a@b --mail-rcpt c@d -T -`},
			{"nc", `printf 'EHLO me\r\nQUIT\r\n' | nc.openbsd -N server 25`},
		},
	}
}

func ftp() server {
	return server{
		name: "FTP", ports: []int{21}, run: "python3 /srv/ftpd.py 21",
		clients: []client{
			{"curl that lists", "curl -sS -m 10 ftp://server/ --list-only"},
			{"curl that fetches in passive mode", "curl -sS -m 10 ftp://server/key.pem | cksum"},
			{"curl that fetches in active mode", "curl -sS -m 10 -P - ftp://server/key.pem | cksum"},
			{"curl that stores", "curl -sS -m 10 -T /srv/wsgi.py ftp://server/new && curl -sS -m 10 ftp://server/new | cksum"},
			python("ftp.py"),
		},
	}
}

func squid() server {
	return server{
		name: "Squid", ports: []int{3128, 8000}, run: "sh -c 'rm -f /tmp/squid.pid; peer mirror :8000 & trap \"kill 0\" TERM; squid-gnutls -N -f /srv/squid.conf & wait'",
		clients: append(curls(
			"-x http://server:3128 http://server:8000/get", "-x http://server:3128 -p http://server:8000/tunnel",
			"-x http://server:3128 -H 'X-MiXed: Case' -d body http://server:8000/post", "-x http://server:3128 http://server:8001/refused -o /dev/null",
			"-x http://server:3128 -U user:word http://server:8000/auth",
		), client{"wget", "http_proxy=http://server:3128 wget -q -S -O - http://server:8000/get"},
			client{"requests of Python", "http_proxy=http://server:3128 python3 /srv/clients.py requests server 8000"}),
	}
}

func dicom() server {
	return server{
		name: "DICOM", ports: []int{11112}, run: "sh -c 'rm -f /tmp/SC.*; exec storescp -v -od /tmp -aet HOSPITAL 11112'",
		clients: []client{
			{"echoscu", "echoscu -v -aet PHARMA -aec HOSPITAL server 11112"},
			{"storescu", "storescu -v -aet PHARMA -aec HOSPITAL server 11112 /srv/made/image.dcm"},
			{"storescu of ten images over one association", "storescu -v --repeat 10 -aec HOSPITAL server 11112 /srv/made/image.dcm"},
			{"echoscu that aborts", "echoscu -v --abort server 11112"},
		},
	}
}

func mllp() server {
	return server{name: "MLLP", ports: []int{2575}, run: "peer mllp-server :2575", clients: []client{{"HL7 v2 messages", "peer mllp server:2575"}}}
}

// plain is what nc and openssl serve.
func plain() server {
	return server{
		name: "openssl", ports: []int{8443}, run: "openssl s_server -quiet -www -accept 8443 -cert /srv/made/cert.pem -key /srv/made/key.pem -Verify 1 -CAfile /srv/made/cert.pem",
		clients: []client{
			{"curl with a certificate of its own", "curl -sS --cacert /srv/made/cert.pem --cert /srv/made/cert.pem --key /srv/made/key.pem https://server:8443/ | grep -a -e Verif -e ALPN -e 'Protocol *:'"},
			{"curl without a certificate", "curl -sS --tls-max 1.2 --cacert /srv/made/cert.pem https://server:8443/"},
		},
	}
}
