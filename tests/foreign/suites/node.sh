#!/usr/bin/env bash
# nodejs: a script of ours that shows what its sockets and processes do.
# earns: address-in-use write-after-peer-close reset-on-close (provoked)
# timeout: 120
set -u

if [ "$1" = list ]; then
	echo session
	exit
fi
. "$FOREIGN/session"
script /usr/bin/node "$FOREIGN/scripts/session.js"
