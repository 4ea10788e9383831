#!/usr/bin/env bash
# pyzmq's own tests: ZeroMQ does its input and output in C++ threads.
# earns: address-in-use (provoked)
# earns: reset-on-close (a context that ends in the middle of a greeting)
# timeout: 240
set -u

case $1 in
list)
	echo all
	;;
run)
	# The first two build extensions; the third wants a server of ssh. The one
	# test sends at once to a subscriber whose subscription is on its way:
	# beside load it fails as often plain, and seven others with it.
	/usr/bin/python3 -m pytest -v -p no:cacheprovider --junit-xml=junit.xml \
		--ignore-glob='*/test_cython.py' \
		--ignore-glob='*/test_cffi_backend.py' \
		--ignore-glob='*/test_ssh.py' \
		-k 'not test_blank_root_topic' \
		/usr/lib/python3/dist-packages/zmq/tests
	status=$?
	"$FOREIGN/junit" junit.xml >>"$FOREIGN_VERDICTS"
	exit $status
	;;
esac
