#!/usr/bin/env bash
# CPython's tests, as PyPy ships and passes them: the same calls out of code that
# a JIT has compiled.
# earns: address-in-use double-close use-after-close (each provoked)
# earns: epipe-ignored reset-on-close write-after-peer-close (peers that leave)
# timeout: 240
set -u

tests=(
	test_ssl test_selectors test_select test_epoll
	test_threading test_fork1
	test_socketserver test_asyncore test_ftplib test_smtplib test_httplib
	test_httpservers test_urllib2_localnet test_posix
)

case $1 in
list)
	printf '%s\n' "${tests[@]}"
	for name in test_socket test_subprocess test_signal; do
		printf '%s\tneeds a file of PyPy that Debian leaves out\n' $name
	done
	;;
run)
	pypy3 -m test --junit-xml=junit.xml --timeout 150 -u network "$2"
	status=$?
	"$FOREIGN/junit" junit.xml >>"$FOREIGN_VERDICTS"
	exit $status
	;;
esac
