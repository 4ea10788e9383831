#!/usr/bin/env bash
# PHP: a script of ours with its streams, and its own server with four processes.
# earns: address-in-use write-after-peer-close reset-on-close (provoked)
# timeout: 120
set -u

if [ "$1" = list ]; then
	printf '%s\n' streams server
	exit
fi
. "$FOREIGN/session"
if [ "$2" = streams ]; then
	script php "$FOREIGN/scripts/session.php"
	exit
fi

big >big
curl()
{
	command curl -sS -m 30 "$@"
}
here=http://127.0.0.1:8080

PHP_CLI_SERVER_WORKERS=4 php -S 127.0.0.1:8080 "$FOREIGN/scripts/router.php" \
	>log 2>&1 &
server=$!
wait_until listens 8080
record "started" "$(descriptors $server)"
step "small" curl $here/
step "big" digest curl $here/big
step "upload" curl --data-binary @big $here/upload
step "load" load $here/
idle()
{
	[ -z "$(ss -Htn state established "sport = :8080")" ]
}
wait_until idle
record "after the load" "$(descriptors $server)"
kill $(pgrep -P $server) $server
wait $server
record "status" $?
record "free again" "$(ss -Hltn 'sport = :8080' | wc -l)"
