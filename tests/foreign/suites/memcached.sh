#!/usr/bin/env bash
# memcached: threads around libevent, descriptors handed from one to another.
# earns: write-after-peer-close (it tells one client too many so, who has left)
# earns: reset-on-close (a client ends with an answer unread)
# timeout: 120
set -u

if [ "$1" = list ]; then
	echo session
	exit
fi
. "$FOREIGN/session"

# talk LINE...: a dialogue over a connection of its own.
talk()
{
	printf '%s\r\n' "$@" quit | nc -q 5 127.0.0.1 11211 | tr -d '\r'
}
# Many clients of their own at once: what each reads has to be its own.
crowd()
{
	/usr/bin/python3 - <<'EOF'
import socket, threading
wrong = []
def client(n):
    value = bytes([97 + n]) * (n * 5000 + 1)
    for i in range(150):
        with socket.create_connection(("127.0.0.1", 11211)) as s:
            f = s.makefile("rb")
            for j in range(5):
                s.sendall(b"set k%d 0 0 %d\r\n%s\r\n" % (n, len(value), value))
                if f.readline() != b"STORED\r\n":
                    wrong.append(n)
                s.sendall(b"get k%d\r\n" % n)
                f.readline()
                if f.read(len(value) + 7) != value + b"\r\nEND\r\n":
                    wrong.append(n)
threads = [threading.Thread(target=client, args=(n,)) for n in range(16)]
[t.start() for t in threads]
[t.join() for t in threads]
print("wrong:", wrong)
EOF
}

memcached -u nobody -l 127.0.0.1,::1 -p 11211 -t 4 -c 100 -m 64 &
server=$!
wait_until listens 11211
record "started" "$(descriptors $server)"
step "dialogue" talk "set a 0 0 5" hello "get a" "incr a 1" "delete a" "get a" nonsense
step "crowd" crowd
# More clients than it takes: the rest wait, and are served when others leave.
step "too many" bash -c 'for i in $(seq 110); do exec {fd}<>/dev/tcp/127.0.0.1/11211; done; echo "version" >&10; read -r line <&10; echo "${line%% *}"'
step "after that" talk "set b 0 0 2" ok "get b"
idle()
{
	[ -z "$(ss -Htn state established "sport = :11211")" ]
}
wait_until idle
record "afterwards" "$(descriptors $server)"
kill -TERM $server
wait $server
record "status" $?
