#!/usr/bin/env bash
# Redis: an event loop that forks to save and to feed a replica; the replica
# takes over.
# timeout: 120
set -u

if [ "$1" = list ]; then
	echo session
	exit
fi
. "$FOREIGN/session"

redis()
{
	timeout 20 redis-cli -p "$@"
}
bench()
{
	redis-benchmark -p 6379 -n 5000 -c 40 "$@" 2>&1 | grep -c 'requests per second'
}
fields()
{
	redis "$1" info "$2" | tr -d '\r' | grep -E "^($3):"
}
synced()
{
	fields 6380 replication master_link_status | grep -q up &&
		[ "$(redis 6379 dbsize)" = "$(redis 6380 dbsize)" ]
}
saved()
{
	fields 6379 persistence rdb_bgsave_in_progress | grep -q ':0' &&
		fields 6379 persistence aof_rewrite_in_progress | grep -q ':0'
}

mkdir one two
redis-server --port 6379 --dir one --save '' --appendonly yes --repl-diskless-sync no >one/log &
one=$!
redis-server --port 6380 --dir two --save '' >two/log &
two=$!
wait_until redis 6379 ping
wait_until redis 6380 ping
record "started" "$(descriptors $one)"
step "set and get" redis 6379 set a hello
step "get" redis 6379 get a
big >big
step "a big value" bash -c "redis-cli -p 6379 -x set big <big"
step "comes back" digest redis 6379 get big
step "a script" redis 6379 eval 'for i = 1, 1000 do redis.call("set", "n" .. i, i) end return 1000' 0
step "load" bench -t set,get,lpush -q
step "load, pipelined" bench -t set,get -P 16 -q
step "replicate" redis 6380 replicaof 127.0.0.1 6379
wait_until synced
step "on the replica" digest redis 6380 get big
step "may not write" redis 6380 set b c
step "save" redis 6379 bgsave
wait_until saved
step "rewrite the log" redis 6379 bgrewriteaof
wait_until saved
step "saved" fields 6379 persistence 'rdb_last_bgsave_status|aof_last_bgrewrite_status'
redis 6379 --csv subscribe news >news &
listener=$!
subscribed()
{
	[ "$(redis 6379 pubsub numsub news | tail -n 1)" = 1 ]
}
wait_until subscribed
step "publish" redis 6379 publish news hello
received()
{
	grep -q hello news
}
wait_until received
step "throw the listeners out" redis 6379 client kill type pubsub
kill $listener 2>/dev/null
wait $listener
record "news" "$(cat news)"
step "cut the replica off" redis 6379 client kill type replica
wait_until synced
record "one, afterwards" "$(descriptors $one)"
record "two, afterwards" "$(descriptors $two)"
redis 6379 shutdown nosave >/dev/null 2>&1
wait $one
record "status of the first" $?
down()
{
	fields 6380 replication master_link_status | grep -q down
}
wait_until down
step "the replica takes over" redis 6380 replicaof no one
step "writes" redis 6380 set b c
kill -TERM $two
wait $two
record "status of the second" $?
