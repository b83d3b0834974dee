#!/bin/sh
# Makes what tests/it/upgrade serves with the server of today: a database of each kind and the snapshots that belong to
# it, made by a server of an earlier commit. The workers never expire by themselves. Needs sqlite3, curl, and pg_dump of
# Postgres.
#
# Usage: make-upgrade-fixture.sh WORKERSD POSTGRES_URL NAME
#   WORKERSD      the server's program, built from the earlier commit
#   POSTGRES_URL  an empty database
#   NAME          of the fixture: bins/workersd/tests/it/upgrade/NAME.tar.gz
set -eu

cd "$(dirname "$(readlink -f "$0")")/../bins/workersd/tests/it/upgrade"
workersd=$1
database=$2
name=$3
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT

# Deploys every worker of workers/ by its name, and one that will have expired.
make() {
    kind=$1
    shift
    : >"$work/output"
    "$workersd" serve --listen 127.0.0.1:0 --data-dir "$work/data-$kind" --lifetime 36500d "$@" >"$work/output" 2>"$work/log" &
    server=$!
    # The line is there when it has its end.
    until [ "$(wc -l <"$work/output")" -gt 0 ]; do
        kill -0 "$server" || { cat "$work/log" >&2; exit 1; }
        sleep 0.1
    done
    url=$(sed -n 's/.*listening on \([^ ]*\).*/\1/p' "$work/output")
    for file in workers/*.ts workers/values.ts; do
        worker=$(basename "$file" .ts)
        [ -e "$work/$kind-$worker" ] && worker=expired
        : >"$work/$kind-$worker"
        jq -n --arg name "$worker" --rawfile code "$file" '{name: $name, code: $code}' >"$work/body"
        curl -sS --fail -o "$work/answer" -H 'content-type: application/json' --data-binary "@$work/body" "$url/api/workers"
    done
    kill "$server"
    wait "$server" || :
    server=
    mkdir -p "$work/out/$kind"
    cp -a "$work/data-$kind/snapshots" "$work/out/$kind/"
}

past="UPDATE workers SET snapshot_expires_at = '2026-01-02 03:04:05.678' WHERE name = 'expired'"
make sqlite
sqlite3 "$work/data-sqlite/workers.sqlite3" "$past"
sqlite3 "$work/data-sqlite/workers.sqlite3" "VACUUM INTO '$work/out/sqlite/workers.sqlite3'"
make postgres --database-url "$database"
psql -q "$database" -c "$past"
pg_dump --inserts --no-owner --no-privileges --no-comments "$database" | grep -v '^\\' >"$work/out/postgres/dump.sql"
tar -C "$work/out" --sort=name --numeric-owner -czf "$name.tar.gz" .
ls -l "$name.tar.gz"
