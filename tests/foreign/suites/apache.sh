#!/usr/bin/env bash
# Apache with processes (prefork) and with threads and an event loop (event):
# static files, CGI, a proxy, graceful restart and stop.
# earns: reset-on-close (an upload that is refused before it is read)
# earns: write-after-peer-close (it wakes its children by connections that it
# closes at once, and they answer)
# timeout: 120
set -u

if [ "$1" = list ]; then
	printf '%s\n' prefork event
	exit
fi
. "$FOREIGN/session"

mkdir -p root cgi logs
big >root/big
huge >root/huge
echo hello >root/hello
cat >cgi/say <<'EOF'
#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
echo "$REQUEST_METHOD $QUERY_STRING"
md5sum
EOF
chmod 755 . root cgi cgi/say logs
modules=/usr/lib/apache2/modules
cgi=cgid
[ "$2" = prefork ] && cgi=cgi
cat >apache.conf <<EOF
ServerRoot $PWD
ServerName localhost
PidFile $PWD/apache.pid
DefaultRuntimeDir $PWD
ErrorLog $PWD/logs/error
Listen 8080
Listen 8081
User www-data
Group www-data
LoadModule mpm_$2_module $modules/mod_mpm_$2.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule alias_module $modules/mod_alias.so
LoadModule proxy_module $modules/mod_proxy.so
LoadModule proxy_http_module $modules/mod_proxy_http.so
LoadModule ${cgi}_module $modules/mod_$cgi.so
$([ $cgi = cgi ] || echo "ScriptSock $PWD/cgi.sock")
LogFormat "%r %>s %b" plain
CustomLog $PWD/logs/access plain
StartServers 2
GracefulShutdownTimeout 10
DocumentRoot $PWD/root
ScriptAlias /cgi/ $PWD/cgi/
<Location /limited>
LimitRequestBody 1000
</Location>
<VirtualHost *:8081>
ProxyPass / http://127.0.0.1:8080/ disablereuse=on
</VirtualHost>
EOF

apache()
{
	/usr/sbin/apache2 -f "$PWD/apache.conf" "$@"
}
curl()
{
	command curl -sS -m 30 "$@"
}
here=http://127.0.0.1:8080

step "check" apache -t
step "start" apache -k start
wait_until listens 8081
wait_until test -s apache.pid
server=$(cat apache.pid)
record "started: master" "$(descriptors "$server")"
step "small" curl $here/hello
step "big" digest curl $here/big
step "big over a proxy" digest curl http://127.0.0.1:8081/big
step "range" digest curl -r 1000-900000 $here/big
step "missing" curl -o /dev/null -w '%{http_code}' $here/none
step "CGI" curl $here/cgi/say?a=b
step "CGI reads an upload" curl --data-binary @root/big $here/cgi/say
step "upload refused" curl -o /dev/null -w '%{http_code}' -T root/big $here/limited
step "two on one connection" curl $here/hello $here/hello
step "load" load $here/hello
step "load, kept alive" load $here/hello -k
step "load over a proxy" load http://127.0.0.1:8081/hello
record "after the load: master" "$(descriptors "$server")"

digest curl --limit-rate 8M $here/huge >slow &
slow=$!
connected()
{
	[ -n "$(ss -Htn state established 'dport = :8080')" ]
}
wait_until connected
step "graceful restart" apache -k graceful
step "load after the restart" load $here/hello
wait $slow
record "transfer across the restart" "$(cat slow)"
record "after the restart: master" "$(descriptors "$server")"
step "graceful stop" apache -k graceful-stop
wait_until gone "$server"
# Apache wakes its children by connections of its own.
record "access log" "$(grep -v '^OPTIONS \*' logs/access | sort | uniq -c)"
record "error log" "$(grep -vE 'notice|AH00052' logs/error | sed 's/^\(\[[^]]*\] *\)*//' | sort | uniq -c)"
