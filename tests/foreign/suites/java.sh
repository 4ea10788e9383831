#!/usr/bin/env bash
# Java: a program of ours with threads, channels, its own server and client.
# earns: address-in-use write-after-peer-close reset-on-close (provoked)
# timeout: 120
set -u

if [ "$1" = list ]; then
	echo session
	exit
fi
. "$FOREIGN/session"
script /usr/bin/java "$FOREIGN/scripts/Session.java"
