#!/usr/bin/env bash
# PostgreSQL: a process a client, shared memory, signals between processes; a
# standby that streams; pgbench and psql as clients.
# earns: write-after-peer-close (libpq says good-bye to a server that has closed)
# timeout: 200
set -u

if [ "$1" = list ]; then
	echo session
	exit
fi
. "$FOREIGN/session"

binaries=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
as()
{
	setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"
}
pg()
{
	as "$binaries/$@"
}
sql()
{
	local port=$1
	shift
	timeout 60 psql -X -A -t -q -h 127.0.0.1 -p "$port" -U postgres "$@"
}
start()
{
	pg pg_ctl -D "$1" -l "$1.log" -w -s -o "-p $2 -k $PWD" start
}

chmod 777 .
touch one.log two.log
chmod 666 one.log two.log
pg initdb -D one -A trust -N --no-instructions
cat >>one/postgresql.conf <<EOF
listen_addresses = '127.0.0.1'
fsync = off
log_line_prefix = ''
max_connections = 30
autovacuum = off
EOF
step "start" start one 5432
server=$(head -n 1 one/postmaster.pid)
record "started" "$(descriptors "$server")"
pg pgbench -h 127.0.0.1 -i -q -s 2
step "rows" sql 5432 -c 'select count(*) from pgbench_accounts'
step "load" bash -c "pgbench -h 127.0.0.1 -U postgres -c 8 -j 2 -t 100 -n postgres 2>/dev/null | grep processed"
step "load, a connection each" bash -c "pgbench -h 127.0.0.1 -U postgres -c 8 -j 2 -t 10 -C -S -n postgres 2>/dev/null | grep processed"
step "consistent" sql 5432 -c 'select (select sum(abalance) from pgbench_accounts) = (select sum(tbalance) from pgbench_tellers)'
big >big
step "copy in" sql 5432 -c 'create table lines (n int)' -c '\copy lines from big'
step "copy out" digest sql 5432 -c '\copy lines to stdout'
step "a statement that takes too long" sql 5432 -c 'set statement_timeout = 200' -c 'select pg_sleep(30)'
sql 5432 -c 'select pg_sleep(30)' >victim 2>&1 &
victim=$!
sleeping()
{
	[ "$(sql 5432 -c "select count(*) from pg_stat_activity where query = 'select pg_sleep(30)'")" = 1 ]
}
wait_until sleeping
step "end another's session" sql 5432 -c "select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(30)'"
wait $victim
record "the victim" "$? $(cat victim)"
notify()
{
	sql 5432 -c 'listen news' -c "notify news, 'hello'" -c 'select 1' |
		sed 's/PID [0-9]*/PID/'
}
step "listen and notify" notify
step "too many clients" bash -c 'for i in $(seq 40); do psql -X -A -t -h 127.0.0.1 -U postgres -c "select pg_sleep(2)" 2>&1 & done | grep -c "too many clients\|already" | sed "s/^[1-9].*/some/"'

step "a standby" pg pg_basebackup -h 127.0.0.1 -U postgres -D two -R -X stream -c fast
step "start the standby" start two 5433
sql 5432 -c 'create table late as select generate_series(1, 1000) n'
caught_up()
{
	[ "$(sql 5433 -c 'select count(*) from late')" = 1000 ]
}
wait_until caught_up
step "read from the standby" digest sql 5433 -c 'select * from lines order by n limit 10000'
step "reload" pg pg_ctl -D one -s reload
record "afterwards" "$(descriptors "$server")"
step "stop the first" pg pg_ctl -D one -s -m fast -w stop
step "the standby takes over" pg pg_ctl -D two -s -w promote
step "write" sql 5433 -c 'create table more as select 1' -c 'select count(*) from more'
step "restart" pg pg_ctl -D two -l two.log -s -m fast -w restart
step "still there" sql 5433 -c 'select count(*) from late'
step "stop" pg pg_ctl -D two -s -m fast -w stop
record "log" "$(grep -E '^(ERROR|FATAL|PANIC|WARNING)' one.log | sort | uniq -c | sed 's/ *[0-9]* \(.*too many clients\)/\1/; s/process [0-9]*/process/')"
