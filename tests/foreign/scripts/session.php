<?php
// Behaviours of PHP's streams: one line a test, its name and what was seen.
error_reporting(0);
$big = str_repeat("0123456789\n", 300000);

function seen(string $name, callable $test): void
{
	$result = $test();
	echo "$name: ", is_string($result) ? $result : json_encode($result), "\n";
}
function server()
{
	return stream_socket_server('tcp://127.0.0.1:0');
}
function client($server)
{
	return stream_socket_client('tcp://' . stream_socket_get_name($server, false));
}
function pair(): array
{
	$server = server();
	$client = client($server);
	return [$client, stream_socket_accept($server), $server];
}

seen('echo', function () {
	[$one, $two] = pair();
	fwrite($one, "hello\n");
	fwrite($two, strtoupper(fgets($two)));
	return trim(fgets($one));
});
seen('big, without blocking', function () use ($big) {
	[$one, $two] = pair();
	stream_set_blocking($one, false);
	stream_set_blocking($two, false);
	$sent = 0;
	$got = '';
	while (strlen($got) < strlen($big)) {
		$read = [$two];
		$write = $sent < strlen($big) ? [$one] : [];
		$none = null;
		if (!stream_select($read, $write, $none, 10))
			return 'stuck';
		if ($write)
			$sent += fwrite($one, substr($big, $sent, 100000));
		if ($read)
			$got .= fread($two, 100000);
	}
	return md5($got);
});
seen('refused', function () {
	$server = server();
	$name = stream_socket_get_name($server, false);
	fclose($server);
	stream_socket_client("tcp://$name", $number, $text);
	return $text;
});
seen('in use', function () {
	$server = server();
	stream_socket_server('tcp://' . stream_socket_get_name($server, false),
		$number, $text);
	return $text;
});
seen('half close', function () {
	[$one, $two] = pair();
	fwrite($one, 'hello');
	stream_socket_shutdown($one, STREAM_SHUT_WR);
	fwrite($two, 'got ' . stream_get_contents($two));
	fclose($two);
	return stream_get_contents($one);
});
seen('timeout', function () {
	[$one, $two] = pair();
	stream_set_timeout($one, 0, 100000);
	fgets($one);
	return stream_get_meta_data($one)['timed_out'];
});
seen('end of file', function () {
	[$one, $two] = pair();
	fclose($two);
	return [fgets($one), feof($one)];
});
seen('write after the close', function () {
	[$one, $two] = pair();
	fclose($two);
	for ($i = 0; $i < 500; $i++) {
		if (fwrite($one, 'x') === false)
			return 'fails';
		usleep(10000);
	}
	return 'never';
});
seen('peek', function () {
	[$one, $two] = pair();
	fwrite($one, 'hello');
	return [stream_socket_recvfrom($two, 5, STREAM_PEEK), fread($two, 5)];
});
seen('processes and pipes', function () use ($big) {
	$process = proc_open(['md5sum'], [['pipe', 'r'], ['pipe', 'w']], $pipes);
	fwrite($pipes[0], $big);
	fclose($pipes[0]);
	$got = stream_get_contents($pipes[1]);
	return [$got, proc_close($process), trim(shell_exec('echo shell'))];
});
seen('nothing is left', function () {
	$count = fn () => count(scandir('/proc/self/fd'));
	$before = $count();
	for ($i = 0; $i < 50; $i++)
		pair();
	return $count() - $before;
});
