#!/usr/bin/env bash
# Runs one private PostgreSQL on 127.0.0.1 in the foreground: postgres_serve.sh FOLDER PORT [setting=value…]
# The process becomes postgres itself, so whoever started it stops it by its pid: SIGINT cuts clients off, SIGQUIT is a
# crash. Data lie in FOLDER/data and survive; they are made if absent. Whoever connects locally is trusted; role `ordain`.
set -euo pipefail
PATH="$PATH:$(printf '%s:' /usr/lib/postgresql/*/bin)"
[ $# -ge 2 ] || { echo "usage: $0 FOLDER PORT [setting=value…]" >&2; exit 2; }
command -v initdb >/dev/null || { echo "PostgreSQL is missing: run scripts/test once, or install postgresql" >&2; exit 127; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
port=$2
shift 2

# It refuses to run as root. It may pass through folders above its own that are for root alone.
as=()
if [ "$(id -u)" -eq 0 ]; then
    chown postgres:postgres "$folder"
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups --inh-caps=+dac_read_search --ambient-caps=+dac_read_search --)
fi
if [ ! -e "$folder/complete" ]; then
    rm -rf "$folder/data"
    "${as[@]}" initdb -D "$folder/data" -U ordain -A trust -E UTF8 --locale=C.UTF-8 --no-instructions
    touch "$folder/complete"
fi
settings=(-c listen_addresses=127.0.0.1 -c "port=$port" -c unix_socket_directories=)
for setting in "$@"; do settings+=(-c "$setting"); done
exec "${as[@]}" postgres -D "$folder/data" "${settings[@]}"
