#!/usr/bin/env bash
# libsoup's installed tests: an HTTP client and server on GLib's main loop, some
# of them against an apache of their own.
# earns: epipe-ignored reset-on-close write-after-peer-close (peers that leave, and
# clients that go on)
# timeout: 300
set -u

programs=/usr/libexec/installed-tests/libsoup-3.0
first="auth-test cache-test chunk-io-test connection-test context-test
	continue-test forms-test http2-body-stream-test http2-test misc-test"
second="multithread-test no-ssl-test ntlm-test proxy-test range-test
	redirect-test request-body-test server-auth-test server-test
	session-test sniffing-test ssl-test streaming-test timeout-test
	unix-socket-test websocket-test"

case $1 in
list)
	printf '%s\n' first second
	;;
run)
	for name in ${!2}; do
		timeout 100 "$programs/$name" --tap >tap
		status=$?
		cat tap
		"$FOREIGN/tap" "$name: " <tap >>"$FOREIGN_VERDICTS"
		printf 'exit %d\t%s\n' $status "$name" >>"$FOREIGN_VERDICTS"
	done
	;;
esac
