#!/usr/bin/env bash
# HAProxy: a master and a worker with threads; splice; a reload, in which the new
# worker gets the listeners of the old one over a local socket; health checks
# that reset their connections on purpose.
# earns: write-after-peer-close (its clients leave as soon as they have enough)
# timeout: 120
set -u

if [ "$1" = list ]; then
	echo session
	exit
fi
. "$FOREIGN/session"

mkdir -p root
big >root/big
huge >root/huge
echo hello >root/hello
cat >lighttpd.conf <<EOF
server.document-root = "$PWD/root"
server.port = 8080
EOF
cat >haproxy.conf <<EOF
global
	nbthread 2
	pidfile $PWD/haproxy.pid
	stats socket $PWD/stats mode 600 level admin expose-fd listeners
	hard-stop-after 10s
defaults
	timeout connect 5s
	timeout client 10s
	timeout server 10s
	retries 0
listen web
	mode http
	bind 127.0.0.1:8081
	server one 127.0.0.1:8080
listen raw
	mode tcp
	option splice-auto
	bind 127.0.0.1:8082
	server one 127.0.0.1:8080 check inter 200ms
listen dead
	mode http
	bind 127.0.0.1:8083
	server none 127.0.0.1:1
EOF
curl()
{
	command curl -sS -m 30 "$@"
}
admin()
{
	echo "$1" | nc -N -U "$PWD/stats"
}

/usr/sbin/lighttpd -D -f lighttpd.conf &
backend=$!
step "check" /usr/sbin/haproxy -c -q -f haproxy.conf
/usr/sbin/haproxy -W -f haproxy.conf 2>/dev/null &
server=$!
wait_until listens 8083
wait_until listens 8080
record "started: master" "$(descriptors $server)"
step "small" curl http://127.0.0.1:8081/hello
step "big" digest curl http://127.0.0.1:8081/big
step "big, spliced" digest curl http://127.0.0.1:8082/big
step "range" digest curl -r 1000-900000 http://127.0.0.1:8081/big
step "dead server" curl -o /dev/null -w '%{http_code}' http://127.0.0.1:8083/
step "load" load http://127.0.0.1:8081/hello
step "load, kept alive" load http://127.0.0.1:8081/hello -k
step "load, spliced" load http://127.0.0.1:8082/hello
up()
{
	admin "show servers state raw" | awk '$4 == "one" { exit $6 != 2 }'
}
wait_until up
step "take a server away" admin "disable server web/one"
step "no server left" curl -o /dev/null -w '%{http_code}' http://127.0.0.1:8081/hello
step "and give it back" admin "enable server web/one"
worker=$(pgrep -P $server)
digest curl --limit-rate 8M http://127.0.0.1:8082/huge >slow &
slow=$!
connected()
{
	[ -n "$(ss -Htn state established 'dport = :8082')" ]
}
wait_until connected
kill -USR2 $server
reloaded()
{
	[ -n "$(pgrep -P $server | grep -vx "$worker")" ]
}
wait_until reloaded
step "load after a reload" load http://127.0.0.1:8081/hello
wait $slow
record "transfer across a reload" "$(cat slow)"
wait_until gone "$worker"
record "after a reload: master" "$(descriptors $server)"
kill -USR1 $server
wait $server
record "status" $?
kill -INT $backend
wait $backend
record "status of the backend" $?
