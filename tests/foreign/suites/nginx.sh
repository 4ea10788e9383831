#!/usr/bin/env bash
# nginx: an event loop in two workers; reload, and a binary upgrade, which hands
# the listening sockets on over exec.
# earns: reset-on-close (an upload that is refused before it is read)
# timeout: 120
set -u

if [ "$1" = list ]; then
	echo session
	exit
fi
. "$FOREIGN/session"

mkdir -p root logs
big >root/big
huge >root/huge
echo hello >root/hello
cat >nginx.conf <<EOF
worker_processes 2;
pid $PWD/nginx.pid;
error_log $PWD/logs/error notice;
events { worker_connections 256; }
http {
	log_format plain '\$request \$status \$body_bytes_sent';
	access_log $PWD/logs/access plain;
	client_body_temp_path $PWD/body;
	proxy_temp_path $PWD/proxy;
	fastcgi_temp_path $PWD/fastcgi;
	uwsgi_temp_path $PWD/uwsgi;
	scgi_temp_path $PWD/scgi;
	sendfile on;
	upstream self { server 127.0.0.1:8080; keepalive 4; }
	server { listen 8080 backlog=128; listen [::]:8080; root $PWD/root; }
	server {
		listen 8081 reuseport;
		location / {
			proxy_pass http://self;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}
		location /refused { proxy_pass http://127.0.0.1:1; }
	}
}
EOF

seen()
{
	record "$1: master" "$(descriptors "$(cat nginx.pid)")"
	record "$1: workers" "$(pgrep -c -P "$(cat nginx.pid)")"
}
curl()
{
	command curl -sS -m 30 "$@"
}

step "check" /usr/sbin/nginx -p "$PWD" -c "$PWD/nginx.conf" -t
step "start" /usr/sbin/nginx -p "$PWD" -c "$PWD/nginx.conf"
wait_until listens 8081
seen "started"
step "small" curl -i -H 'Accept:' http://127.0.0.1:8080/hello -o /dev/null -w '%{http_code} %{size_download}'
step "big" digest curl http://127.0.0.1:8080/big
step "big over a proxy" digest curl http://127.0.0.1:8081/big
step "IPv6" curl 'http://[::1]:8080/hello'
step "range" digest curl -r 1000-900000 http://127.0.0.1:8080/big
step "missing" curl -o /dev/null -w '%{http_code}' http://127.0.0.1:8080/none
step "upload" curl -o /dev/null -w '%{http_code}' -T root/big http://127.0.0.1:8080/hello
step "gateway" curl -o /dev/null -w '%{http_code}' http://127.0.0.1:8081/refused
step "pipelined" bash -c "printf 'GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' | nc -N 127.0.0.1 8080 | grep -c ^hello"
step "a client that leaves" bash -c "curl -s -m 0.2 --limit-rate 10k http://127.0.0.1:8080/big | head -c 10"
step "load" load http://127.0.0.1:8080/hello
step "load, kept alive" load http://127.0.0.1:8080/hello -k
step "load over a proxy" load http://127.0.0.1:8081/hello -k
seen "after the load"

digest curl --limit-rate 8M http://127.0.0.1:8080/huge >slow &
slow=$!
connected()
{
	[ -n "$(ss -Htn state established 'dport = :8080')" ]
}
wait_until connected
old=$(pgrep -P "$(cat nginx.pid)")
kill -HUP "$(cat nginx.pid)"
step "load after a reload" load http://127.0.0.1:8081/hello
wait $slow
record "transfer across a reload" "$(cat slow)"
for pid in $old; do
	wait_until gone "$pid"
done
seen "after a reload"

before=$(cat nginx.pid)
kill -USR2 "$before"
wait_until test -e nginx.pid.oldbin
wait_until test -s nginx.pid
kill -WINCH "$before"
step "load after an upgrade" load http://127.0.0.1:8081/hello
kill -QUIT "$before"
wait_until gone "$before"
seen "after an upgrade"
step "big after an upgrade" digest curl http://127.0.0.1:8081/big
before=$(cat nginx.pid)
kill -QUIT "$before"
wait_until gone "$before"
record "access log" "$(sort logs/access | uniq -c | grep -v 'big.*1.1 200')"
# A connection to itself that it kept is reset where the request comes while the
# old worker closes it, with and without the library; the request is made again.
record "error log" "$(grep -vE '\[notice\]|recv\(\) failed \(104: .* from upstream' logs/error | sed 's/.*#[0-9]*: \(\*[0-9]* \)*//; s/client: .*//' | sort | uniq -c)"
