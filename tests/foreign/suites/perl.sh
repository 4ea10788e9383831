#!/usr/bin/env bash
# perl: a script of ours that shows what its sockets and processes do.
# earns: address-in-use write-after-peer-close reset-on-close (provoked)
# earns: sigpipe-unhandled sigpipe-death (provoked)
# timeout: 120
set -u

if [ "$1" = list ]; then
	echo session
	exit
fi
. "$FOREIGN/session"
script /usr/bin/perl "$FOREIGN/scripts/session.pl"
