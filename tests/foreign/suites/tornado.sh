#!/usr/bin/env bash
# Tornado's own tests: asyncio, HTTP servers and clients, processes that share a
# listener.
# earns: double-close use-after-close (tests close descriptors beneath a stream)
# earns: reset-on-close write-after-peer-close (peers that leave)
# timeout: 240
set -u

case $1 in
list)
	echo all
	;;
run)
	cd /usr/lib/python3/dist-packages/tornado/test || exit
	modules=(*_test.py)
	modules=("${modules[@]%.py}")
	"$FOREIGN/unittests" "${modules[@]/#/tornado.test.}"
	;;
esac
