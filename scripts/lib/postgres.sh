#!/usr/bin/env bash
# A private PostgreSQL on 127.0.0.1, in a folder of its own under the temporary folder, with TLS at hand.
#
#   postgres.sh PORT [setting=value…]
#
# Prints `ready FOLDER` once it serves. Takes commands on standard input, one a line, and answers each with `done` when it
# is over: `start`, `stop` (clients are cut off), `kill` (as a crash of the machine would). When its input ends, so does the
# server, and the folder with it. Whoever connects locally is trusted, but for the role `locked` (password `se:cret`).
set -euo pipefail
port=$1
shift
PATH="$PATH:$(printf '%s:' /usr/lib/postgresql/*/bin)"

# initdb and postgres refuse to run as root.
as=()
[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
folder=$(mktemp -d "${TMPDIR:-/tmp}/ordain-postgres.XXXXXX")
[ "${#as[@]}" -eq 0 ] || chown postgres:postgres "$folder"
cd "$folder"
server=

ended() { # the signal
    [ -n "$server" ] || return 0
    kill -s "$1" "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
}
trap 'ended INT; cd /; rm -rf "$folder"' EXIT

serve() {
    local settings=(-c "listen_addresses=127.0.0.1" -c "port=$port" -c "unix_socket_directories=$folder")
    local setting
    for setting in "$@"; do settings+=(-c "$setting"); done
    "${as[@]}" postgres -D "$folder/data" "${settings[@]}" </dev/null >>"$folder/log" 2>&1 &
    server=$!
    local tries
    for tries in $(seq 300); do
        if pg_isready -q -h 127.0.0.1 -p "$port"; then return 0; fi
        # A server that was killed leaves processes behind, which end by themselves within moments.
        if ! kill -0 "$server" 2>/dev/null; then
            grep -q 'shared memory block' "$folder/log" && [ "$tries" -lt 100 ] || break
            "${as[@]}" postgres -D "$folder/data" "${settings[@]}" </dev/null >>"$folder/log" 2>&1 &
            server=$!
        fi
        sleep 0.1
    done
    cat "$folder/log" >&2
    return 1
}

certificates() {
    local curve=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
    openssl req -x509 "${curve[@]}" -keyout ca.key -out ca.pem -days 2 -subj "/CN=a test"
    openssl req "${curve[@]}" -keyout server.key -out server.csr -subj "/CN=localhost"
    printf 'subjectAltName=DNS:localhost\n' >names
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem
    chmod 600 server.key
    [ "${#as[@]}" -eq 0 ] || chown postgres:postgres server.key
    chmod 755 "$folder"
}

# Text is sorted as people do where no collation is named, so that a forgotten one shows.
"${as[@]}" initdb -D "$folder/data" -U ordain -A trust -E UTF8 --locale=C.UTF-8 --locale-provider=icu \
    --icu-locale=en-US --no-sync --no-instructions >"$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log" >&2; exit 1; }
certificates 2>"$folder/openssl.log" || { cat "$folder/openssl.log" >&2; exit 1; }
{
    printf 'host all locked all scram-sha-256\n'
    cat "$folder/data/pg_hba.conf"
} >hba
cat hba >"$folder/data/pg_hba.conf"
set -- ssl=on "ssl_cert_file=$folder/server.pem" "ssl_key_file=$folder/server.key" max_connections=200 "$@"
serve "$@"
psql -q -h 127.0.0.1 -p "$port" -U ordain -d postgres -c "CREATE ROLE locked SUPERUSER LOGIN PASSWORD 'se:cret'"
echo "ready $folder"
while read -r command; do
    case $command in
        start) serve "$@" ;;
        stop) ended INT ;;
        kill) ended QUIT ;;
    esac
    echo "done"
done
