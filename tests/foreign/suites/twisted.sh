#!/usr/bin/env bash
# Twisted's own tests: every reactor (epoll, poll, select, asyncio), its
# processes and its protocols.
# earns: address-in-use descriptors-exhausted (provoked)
# earns: use-after-close (descriptors of closed sockets are duplicated, to fail)
# earns: reset-on-close write-after-peer-close (peers that leave)
# timeout: 240
set -u

reactors=(internet.test.test_{tcp,endpoints,unix,udp,tls,core,fdset,threads})
processes=(internet.test.test_{process,posixprocess,sigchld,stdio,socket}
	test.test_{process,stdio})
protocols=(test.test_{tcp,internet,ftp,ssl,unix,udp,loopback,strports,socks}
	web.test.test_{webclient,xmlrpc,http,cgi,wsgi,distrib,proxy})

case $1 in
list)
	printf '%s\n' reactors processes protocols
	;;
run)
	declare -n modules=$2
	"$FOREIGN/unittests" "${modules[@]/#/twisted.}"
	;;
esac
