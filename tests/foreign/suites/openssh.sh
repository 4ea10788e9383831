#!/usr/bin/env bash
# OpenSSH's regression tests: sshd with its processes of lesser privilege and its
# seccomp sandbox, ssh, scp, sftp, agent; forwarding, multiplexing, reload.
# earns: double-close (its netcat closes its connection twice)
# earns: address-in-use (provoked: forwards over a port that is taken)
# earns: reset-on-close write-after-peer-close sigpipe-unhandled (its netcat, and
# ends that leave)
# timeout: 120
set -u

tests=(
	connect proxy-connect connect-privsep connect-uri proto-version
	proto-mismatch exit-status-signal envpass stderr-after-eof broken-pipe
	yes-head reconfigure reexec keyscan
	transfer scp scp3 scp-uri sftp-chroot sftp-cmds sftp-badcmds sftp-batch
	sftp-glob sftp-perm sftp-uri
	dynamic-forward forwarding multiplex agent-getpeereid agent-subprocess
	localcommand forcecommand keys-command principals-command
	channel-timeout allow-deny-users
)

case $1 in
list)
	printf '%s\n' "${tests[@]}"
	for name in exit-status login-timeout stderr-data rekey integrity \
		try-ciphers sftp agent hostkey-agent hostkey-rotate cfgmatch \
		cfgmatchlisten connection-timeout forward-control; do
		printf '%s\ttoo long, and much like others\n' $name
	done
	;;
run)
	mkdir /run/sshd
	# The tests write where they are.
	cp -a /usr/lib/openssh/regress regress
	cd regress || exit
	export OBJ=$PWD BUILDDIR=$PWD TEST_SHELL=/bin/sh TEST_SSH_IPV6=yes \
		TEST_SSH_UNSAFE_PERMISSIONS=1 TEST_SSH_SSH=/usr/bin/ssh \
		TEST_SSH_SSHD=/usr/sbin/sshd TEST_SSH_SCP=/usr/bin/scp \
		TEST_SSH_SFTP=/usr/bin/sftp \
		TEST_SSH_SFTPSERVER=/usr/lib/openssh/sftp-server \
		TEST_SSH_SSHAGENT=/usr/bin/ssh-agent \
		TEST_SSH_SSHADD=/usr/bin/ssh-add \
		TEST_SSH_SSHKEYGEN=/usr/bin/ssh-keygen \
		TEST_SSH_SSHKEYSCAN=/usr/bin/ssh-keyscan
	sh "$OBJ/test-exec.sh" "$OBJ" "$OBJ/$2.sh" </dev/zero >output 2>&1
	status=$?
	cat output
	verdict=ok
	[ $status -eq 0 ] || verdict="exit $status"
	reason=$(sed -n 's/^SKIPPED: //p' output)
	[ -z "$reason" ] || verdict=skipped
	printf '%s\t%s\t%s\n' "$verdict" "$2" "$reason" >>"$FOREIGN_VERDICTS"
	;;
esac
