#!/usr/bin/env bash
# CPython's own tests, those that touch sockets, processes, signals, threads
# and descriptors, one part a file of them.
# earns: address-in-use double-close use-after-close (each provoked)
# earns: epipe-ignored reset-on-close write-after-peer-close (peers that leave)
# timeout: 240
set -u

tests=(
	test_socket test_ssl test_selectors test_select test_poll test_epoll
	test_subprocess test_signal test_threading test_threadsignals
	test_fork1 test_wait3 test_wait4 test_posix test_os test_popen
	test_fcntl test_ioctl test_eintr test_file_eintr test_pty test_openpty
	test_timeout test_socketserver test_asyncore test_asynchat
	test_ftplib test_smtplib test_smtpd test_poplib test_imaplib
	test_nntplib test_telnetlib test_httplib test_httpservers
	test_urllib2_localnet test_xmlrpc test_docxmlrpc test_wsgiref
	test_robotparser test_logging test_faulthandler
	test_multiprocessing_fork test_asyncio
)

case $1 in
list)
	printf '%s\n' "${tests[@]}"
	;;
run)
	# VSOCK knows no namespaces: its tests meet each other's ports, and
	# in a virtual machine they wait for the host.
	/usr/bin/python3 -m test --junit-xml=junit.xml --timeout 150 -u network \
		--ignore 'test.test_socket.*VSOCK*' "$2"
	status=$?
	"$FOREIGN/junit" junit.xml >>"$FOREIGN_VERDICTS"
	exit $status
	;;
esac
