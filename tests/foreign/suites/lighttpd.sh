#!/usr/bin/env bash
# lighttpd: one process with an event loop, sendfile, CGI; graceful restart.
# earns: reset-on-close (an upload that is refused before it is read)
# earns: double-close (after a graceful restart lighttpd 1.4.69 closes its former
# listeners a second time: strace shows EBADF)
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
printf '#!/bin/sh\nprintf "Status: 200\\r\\n\\r\\n"\nmd5sum\n' >root/say.cgi
chmod 755 root/say.cgi
cat >lighttpd.conf <<EOF
server.document-root = "$PWD/root"
server.port = 8080
server.pid-file = "$PWD/lighttpd.pid"
server.errorlog = "$PWD/logs/error"
server.modules = ("mod_cgi", "mod_accesslog", "mod_proxy")
server.feature-flags = (
	"server.graceful-restart-bg" => "enable",
	"server.graceful-shutdown-timeout" => 60
)
accesslog.filename = "$PWD/logs/access"
accesslog.format = "%r %s %b"
cgi.assign = (".cgi" => "")
\$SERVER["socket"] == ":8081" {
	proxy.server = ("" => (("host" => "127.0.0.1", "port" => 8080)))
}
\$SERVER["socket"] == ":8082" { server.max-request-size = 1 }
EOF
curl()
{
	command curl -sS -m 30 "$@"
}
here=http://127.0.0.1:8080

step "check" /usr/sbin/lighttpd -t -f lighttpd.conf
/usr/sbin/lighttpd -D -f lighttpd.conf &
server=$!
wait_until listens 8082
record "started" "$(descriptors $server)"
step "small" curl $here/hello
step "big" digest curl $here/big
step "big over a proxy" digest curl http://127.0.0.1:8081/big
step "range" digest curl -r 1000-900000 $here/big
step "missing" curl -o /dev/null -w '%{http_code}' $here/none
step "CGI reads an upload" curl --data-binary @root/big $here/say.cgi
step "upload refused" curl -o /dev/null -w '%{http_code}' -T root/big http://127.0.0.1:8082/hello
step "load" load $here/hello
step "load, kept alive" load $here/hello -k
step "load over a proxy" load http://127.0.0.1:8081/hello
idle()
{
	[ -z "$(ss -Htn state established "sport = :8080")" ]
}
wait_until idle
record "after the load" "$(descriptors $server)"
digest curl --limit-rate 8M $here/huge >slow &
slow=$!
connected()
{
	[ -n "$(ss -Htn state established 'dport = :8080')" ]
}
wait_until connected
kill -USR1 $server
# What is under way goes on in a child.
restarted()
{
	[ -n "$(pgrep -P $server)" ] && [ "$(grep -c 'server started' logs/error)" = 2 ]
}
wait_until restarted
step "load after the restart" load $here/hello
wait $slow
record "transfer across the restart" "$(cat slow)"
# It writes its log when it ends.
no_child()
{
	[ -z "$(pgrep -P $server)" ]
}
wait_until no_child
kill -INT $server
wait $server
record "status" $?
record "access log" "$(sort logs/access | uniq -c)"
