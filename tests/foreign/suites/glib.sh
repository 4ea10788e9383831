#!/usr/bin/env bash
# GLib's installed tests of sockets, D-Bus, TLS, processes, threads and the main
# loop.
# earns: address-in-use (provoked)
# earns: write-after-peer-close, reset-on-close (a peer that leaves)
# timeout: 240
set -u

programs=/usr/libexec/installed-tests/glib
sockets="socket socket-address socket-listener socket-service gsocketclient-slow
	network-address network-monitor network-monitor-race proxy-test
	resolver-parsing srvtarget unix-streams unix-fd unix pollable io-stream
	async-splice-output-stream tls-certificate tls-interaction tls-bindings"
dbus="gdbus-addresses gdbus-auth gdbus-close-pending gdbus-connection
	gdbus-connection-flush gdbus-connection-loss gdbus-connection-slow
	gdbus-exit-on-close gdbus-export gdbus-names gdbus-non-socket
	gdbus-overflow gdbus-peer gdbus-proxy gdbus-proxy-threads
	gdbus-server-auth gdbus-subscribe gdbus-threading
	gapplication gnotification"
processes="gsubprocess spawn-test spawn-multithreaded spawn-singlethread
	spawn-path-search mainloop timeout thread thread-pool io-channel
	io-channel-basic fileutils file cancellable contexts task"

case $1 in
list)
	printf '%s\n' sockets dbus processes
	;;
run)
	for name in ${!2}; do
		# Some need the slow preloaded connect that they come with.
		preload=${LD_PRELOAD-}
		[ $name = gsocketclient-slow ] &&
			preload=$programs/slow-connect-preload.so${preload:+:$preload}
		LD_PRELOAD=$preload timeout 60 "$programs/$name" --tap >tap
		status=$?
		cat tap
		"$FOREIGN/tap" "$name: " <tap >>"$FOREIGN_VERDICTS"
		printf 'exit %d\t%s\n' $status "$name" >>"$FOREIGN_VERDICTS"
	done
	;;
esac
