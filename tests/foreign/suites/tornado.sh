#!/usr/bin/env bash
# Tornado's own tests: asyncio, HTTP servers and clients, processes that share a
# listener.
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
