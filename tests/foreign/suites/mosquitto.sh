#!/usr/bin/env bash
# Mosquitto, a broker of MQTT in one process: many subscribers, wills, kept
# messages, a session that outlives its connection.
# earns: reset-on-close (a subscriber that leaves before the answer to its last
# request)
# timeout: 120
set -u

if [ "$1" = list ]; then
	echo session
	exit
fi
. "$FOREIGN/session"

cat >mosquitto.conf <<EOF
listener 1883 127.0.0.1
allow_anonymous true
user root
max_inflight_messages 0
max_queued_messages 0
EOF
pub()
{
	mosquitto_pub -h 127.0.0.1 "$@"
}
sub()
{
	timeout 30 mosquitto_sub -h 127.0.0.1 "$@"
}
subscribers()
{
	[ "$(ss -Htn state established 'sport = :1883' | wc -l)" -ge "$1" ]
}

/usr/sbin/mosquitto -c mosquitto.conf 2>log &
server=$!
wait_until listens 1883
record "started" "$(descriptors $server)"
for n in 1 2 3 4; do
	sub -i "sub$n" -q 2 -t numbers -C 2000 >"numbers.$n" &
	listeners[n]=$!
done
ready()
{
	[ "$(grep -c 'as sub[1-4]' log)" = 4 ] && subscribers 4
}
wait_until ready
sub -q 1 -t '$SYS/broker/subscriptions/count' -C 1 >/dev/null
step "publish" bash -c 'seq 2000 | mosquitto_pub -h 127.0.0.1 -q 2 -t numbers -l'
for n in 1 2 3 4; do
	wait ${listeners[n]}
	record "subscriber $n" "$? $(digest cat "numbers.$n")"
done
step "keep" pub -t kept -r -m hello
step "kept" sub -t kept -C 1
big | head -c 200000 >big
step "a big one" pub -t large -r -f big
step "comes back" digest sub -t large -C 1
step "a session" sub -i lasting -c -q 1 -t later -E
step "publish to the absent" pub -q 1 -t later -m waited
step "the absent returns" sub -i lasting -c -q 1 -t later -C 1
sub -t last -C 1 >will &
listener=$!
wait_until subscribers 1
mosquitto_sub -h 127.0.0.1 -t nothing --will-topic last --will-payload goodbye --will-retain &
dying=$!
wait_until subscribers 2
kill -KILL $dying
wait $dying 2>/dev/null
wait $listener
record "a will" "$? $(cat will)"
kill -HUP $server
step "after a reload" sub -t kept -C 1
step "nobody there" pub -p 1 -t a -m b
nobody()
{
	[ -z "$(ss -Htn state established 'sport = :1883')" ]
}
wait_until nobody
record "afterwards" "$(descriptors $server)"
kill -TERM $server
wait $server
record "status" $?
