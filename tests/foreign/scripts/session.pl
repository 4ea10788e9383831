# Behaviours of perl: one line a test, its name and what was seen.
use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use Errno;
use Fcntl;
use HTTP::Tiny;
use IO::Handle;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::IP;
use POSIX ();
use Socket qw(:all);

$| = 1;
$SIG{PIPE} = 'IGNORE';
my $big = "0123456789\n" x 300000;

sub seen {
	my ($name, $code) = @_;
	local $SIG{ALRM} = sub { die "too long\n" };
	alarm 60;
	my @result = eval { $code->() };
	@result = ($@) if $@;
	alarm 0;
	s/ at \S+ line.*//s for @result;
	print "$name: @result\n";
}
sub errno { return (grep { $!{$_} } keys %!)[0] // 'none' }
sub server {
	return IO::Socket::INET->new(Listen => 10, LocalAddr => '127.0.0.1')
		|| die errno();
}
sub client { return IO::Socket::INET->new(PeerAddr => '127.0.0.1',
	PeerPort => shift->sockport) || die errno() }
sub pair {
	my $listener = server();
	my $client = client($listener);
	return ($client, scalar $listener->accept, $listener);
}
sub all {
	my $handle = shift;
	local $/;
	return <$handle> // '';
}

seen 'forking server' => sub {
	my $listener = server();
	my @pids = map {
		my $pid = fork // die;
		if (!$pid) {
			my $connection = $listener->accept;
			my $line = <$connection>;
			print $connection uc $line;
			close $connection;
			POSIX::_exit(0);
		}
		$pid;
	} 1 .. 4;
	my @got = map {
		my $it = client($listener);
		print $it "hello $_\n";
		all($it);
	} 1 .. 4;
	chomp @got;
	waitpid $_, 0 for @pids;
	return (@got, $?);
};
seen 'big' => sub {
	my ($one, $two) = pair();
	my $pid = fork // die;
	if (!$pid) {
		print $one $big;
		close $one;
		POSIX::_exit(0);
	}
	close $one;
	my $got = all($two);
	waitpid $pid, 0;
	return md5_hex($got);
};
seen 'refused' => sub {
	my $listener = server();
	my $port = $listener->sockport;
	close $listener;
	IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
	return errno();
};
seen 'in use' => sub {
	my $listener = server();
	IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1',
		LocalPort => $listener->sockport);
	return errno();
};
seen 'connect without blocking' => sub {
	my $listener = server();
	my $it = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		PeerPort => $listener->sockport, Blocking => 0);
	my @ready = IO::Select->new($it)->can_write(10);
	return (scalar @ready, $it->sockopt(SO_ERROR),
		$it->connected ? 'connected' : 'not');
};
seen 'would block' => sub {
	my ($one, $two) = pair();
	$one->blocking(0);
	my $got = sysread $one, my $text, 1;
	return errno();
};
seen 'end of file' => sub {
	my ($one, $two) = pair();
	close $two;
	return sysread $one, my $text, 1;
};
seen 'half close' => sub {
	my ($one, $two) = pair();
	print $one "hello";
	$one->flush;
	shutdown $one, 1;
	my $got = all($two);
	print $two "got $got";
	close $two;
	return all($one);
};
seen 'reset' => sub {
	my ($one, $two) = pair();
	setsockopt $two, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
	close $two;
	sysread $one, my $text, 1;
	return errno();
};
seen 'write after the close' => sub {
	my ($one, $two) = pair();
	close $two;
	for (1 .. 500) {
		defined syswrite $one, 'x' or return errno();
		select undef, undef, undef, 0.01;
	}
	return 'never';
};
seen 'write after the close, with a handler' => sub {
	my ($one, $two) = pair();
	my $caught = 0;
	local $SIG{PIPE} = sub { $caught++ };
	close $two;
	for (1 .. 500) {
		defined syswrite $one, 'x' or return (errno(), $caught);
		select undef, undef, undef, 0.01;
	}
	return 'never';
};
seen 'killed by a write' => sub {
	my ($one, $two) = pair();
	close $two;
	my $pid = fork // die;
	if (!$pid) {
		$SIG{PIPE} = 'DEFAULT';
		for (1 .. 500) {
			syswrite $one, 'x';
			select undef, undef, undef, 0.01;
		}
		POSIX::_exit(0);
	}
	waitpid $pid, 0;
	return $?;
};
seen 'urgent' => sub {
	my ($one, $two) = pair();
	send $one, '!', MSG_OOB;
	IO::Select->new($two)->has_exception(10);
	recv $two, my $text, 1, MSG_OOB;
	return $text;
};
seen 'interrupted' => sub {
	my ($one, $two) = pair();
	my $parent = $$;
	local $SIG{USR1} = sub { die "woken\n" };
	my $pid = fork // die;
	if (!$pid) {
		select undef, undef, undef, 0.2;
		kill USR1 => $parent;
		POSIX::_exit(0);
	}
	my $got = eval { sysread $one, my $text, 1 };
	my $why = $@;
	waitpid $pid, 0;
	chomp $why;
	return $why;
};
seen 'inherited over exec' => sub {
	my $listener = server();
	my $flags = fcntl $listener, F_GETFD, 0;
	fcntl $listener, F_SETFD, $flags & ~FD_CLOEXEC;
	my $pid = fork // die;
	if (!$pid) {
		exec $^X, '-MSocket', '-e', 'open my $l, "+<&=", shift; ' .
			'accept my $c, $l; syswrite $c, "another"; exit 0',
			fileno $listener;
	}
	my $got = all(client($listener));
	waitpid $pid, 0;
	return ($got, $?);
};
seen 'not inherited' => sub {
	my $listener = server();
	my $got = `ls -l /proc/self/fd | grep -c socket`;
	chomp $got;
	return $got;
};
seen 'as standard input and output' => sub {
	my ($one, $two) = pair();
	my $pid = fork // die;
	if (!$pid) {
		open STDIN, '<&', $two;
		open STDOUT, '>&', $two;
		close $two;
		close $one;
		exec 'tr', 'a-z', 'A-Z';
	}
	close $two;
	print $one "hello";
	$one->flush;
	shutdown $one, 1;
	my $got = all($one);
	waitpid $pid, 0;
	return ($got, $?);
};
seen 'IPv6' => sub {
	my $listener = IO::Socket::IP->new(Listen => 1, LocalHost => '::1');
	my $it = IO::Socket::IP->new(PeerHost => '::1',
		PeerPort => $listener->sockport);
	my $other = $listener->accept;
	print $it "hello\n";
	$it->flush;
	my $got = <$other>;
	chomp $got;
	return ($got, $other->peerhost);
};
seen 'http' => sub {
	my $listener = server();
	my $pid = fork // die;
	if (!$pid) {
		for (1 .. 2) {
			my $it = $listener->accept;
			while (<$it>) { last if /^\r\n/ }
			print $it "HTTP/1.1 200 OK\r\nContent-Length: ",
				length $big, "\r\nConnection: close\r\n\r\n", $big;
			close $it;
		}
		POSIX::_exit(0);
	}
	my @got = map { md5_hex(HTTP::Tiny->new->get('http://127.0.0.1:' .
		$listener->sockport)->{content}) } 1 .. 2;
	waitpid $pid, 0;
	return @got;
};
seen 'nothing is left' => sub {
	my $count = sub { scalar(() = glob '/proc/self/fd/*') };
	my $before = $count->();
	pair() for 1 .. 50;
	return $count->() - $before;
};
