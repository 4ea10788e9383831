#!/usr/bin/env bash
# OpenSSH's regression tests: sshd with its processes of lesser privilege and its
# seccomp sandbox, ssh, scp, sftp, agent; forwarding, multiplexing, reload.
# timeout: 240
set -u

connections="connect proxy-connect connect-privsep connect-uri proto-version
	proto-mismatch exit-status-signal envpass banner dhgex stderr-data
	stderr-after-eof broken-pipe yes-head login-timeout reconfigure reexec
	keyscan host-expand hostkey-agent hostkey-rotate"
transfers="transfer scp scp3 scp-uri sftp sftp-chroot sftp-cmds sftp-badcmds
	sftp-batch sftp-glob sftp-perm sftp-uri"
forwarding="dynamic-forward forwarding forward-control multiplex agent
	agent-getpeereid agent-subprocess localcommand forcecommand keys-command
	principals-command channel-timeout connection-timeout cfgmatch
	cfgmatchlisten allow-deny-users"

case $1 in
list)
	printf '%s\n' connections transfers forwarding
	printf '%s\t%s\n' \
		exit-status "sleeps for 30 s, and shows what the others show" \
		integrity "half a minute a cipher, nothing of sockets" \
		try-ciphers "likewise" \
		rekey "two minutes of the same"
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
	for name in ${!2}; do
		timeout 100 sh "$OBJ/test-exec.sh" "$OBJ" "$OBJ/$name.sh" \
			</dev/zero >output 2>&1
		status=$?
		cat output
		verdict=ok
		[ $status -eq 0 ] || verdict="exit $status"
		reason=$(sed -n 's/^SKIPPED: //p' output)
		[ -z "$reason" ] || verdict=skipped
		printf '%s\t%s\t%s\n' "$verdict" "$name" "$reason" \
			>>"$FOREIGN_VERDICTS"
	done
	;;
esac
