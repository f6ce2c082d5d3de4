#!/usr/bin/env bash
# The OpenStack client, unmodified and without Keystone, against a server of its own: openstack_cli.sh PATH_TO_ORDAIN
# Zones and recordsets are created, listed, shown, set and deleted; each answer and what DNS says is checked.
set -euo pipefail
cd "$(dirname "$0")/.."
ordain=${1:?usage: $0 PATH_TO_ORDAIN}
openstack=$(scripts/lib/openstack_venv.sh)

work=$(mktemp -d)
server=
finish() {
    status=$?
    trap - EXIT
    if [ -n "$server" ]; then
        kill -KILL "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    [ "$status" -eq 0 ] || { echo "--- the server's log:"; tail -n 60 "$work/server.log"; } >&2
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }

# Ports that are free now, TCP and UDP.
read -r api_port dns_port < <(python3 - <<'PY'
import socket
held = []
def free():
    while True:
        tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
        tcp.bind(("127.0.0.1", 0))
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            continue
        held.extend((tcp, udp))
        return tcp.getsockname()[1]
print(free(), free())
PY
)

"$ordain" dev --data-dir "$work/data" --api "127.0.0.1:$api_port" --dns "127.0.0.1:$dns_port" >"$work/server.log" 2>&1 &
server=$!
curl --silent --show-error --fail --output /dev/null --retry 150 --retry-delay 0 --retry-max-time 30 --retry-all-errors \
    --retry-connrefused "http://127.0.0.1:$api_port/healthcheck" 2>"$work/curl.log" || { cat "$work/curl.log" >&2; fail "the server does not answer"; }

# The client speaks to the given endpoint as it is: no catalogue, no tokens.
os() { "$openstack" --os-auth-type none --os-endpoint "http://127.0.0.1:$api_port/v2" "$@"; }

# run CONDITION COMMAND...: runs a client command; its JSON must make the Python condition true. The answer is `d`.
run() {
    local condition=$1
    shift
    echo "openstack $*"
    os "$@" -f json >"$work/answer.json" || fail "openstack $*"
    python3 - "$condition" "$work/answer.json" <<'PY' || fail "openstack $*: not $condition"
import json, sys
d = json.load(open(sys.argv[2]))
if not eval(sys.argv[1]):
    sys.exit("answer: " + json.dumps(d, indent=1))
PY
}

# refused TEXT COMMAND...: the command must fail and say so.
refused() {
    local text=$1
    shift
    echo "openstack $*   (refused)"
    if os "$@" -f json >"$work/answer.json" 2>"$work/complaint"; then fail "openstack $* was accepted"; fi
    grep -qi -- "$text" "$work/complaint" || fail "openstack $*: no '$text' in: $(cat "$work/complaint")"
}

field() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/answer.json" "$1"; }

# answers NAME TYPE LINES: what DNS says, sorted, must come to be this within some seconds.
answers() {
    local got deadline=$((SECONDS + 15))
    while :; do
        got=$(dig @127.0.0.1 -p "$dns_port" +short +tries=1 +time=1 "$1" "$2" | sort || true)
        [ "$got" != "$3" ] || return 0
        [ "$SECONDS" -lt "$deadline" ] || fail "$1 $2 is '$got', not '$3'"
    done
}

# becomes_active COMMAND...: the shown thing must come to be ACTIVE within some seconds.
becomes_active() {
    local deadline=$((SECONDS + 30))
    while :; do
        run "d['status'] in ('PENDING', 'ACTIVE')" "$@"
        [ "$(field status)" != ACTIVE ] || return 0
        [ "$SECONDS" -lt "$deadline" ] || fail "never ACTIVE: $*"
    done
}

zone=example.org.

run "d == []" zone list
run "d['name'] == '$zone' and d['type'] == 'PRIMARY' and d['status'] in ('PENDING', 'ACTIVE') and d['ttl'] == 3600 \
     and d['email'] == 'admin@example.org' and d['description'] == 'first'" \
    zone create --email admin@example.org --description first "$zone"
id=$(field id)
becomes_active zone show "$id"
serial=$(field serial)
run "d['id'] == '$id' and d['action'] == 'NONE'" zone show "$zone"
run "[z['id'] for z in d] == ['$id'] and d[0]['serial'] == $serial" zone list
run "[z['name'] for z in d] == ['$zone']" zone list --name '*.org.' --status ACTIVE --long
run "d == []" zone list --name absent.example.
refused "duplicate" zone create --email admin@example.org "$zone"
refused "not valid" zone create --email admin@example.org --ttl -5 negative.example.
refused "didn't resolve" zone show absent.example.

run "d['ttl'] == 7200 and d['email'] == 'root@example.org' and d['description'] is None" \
    zone set --ttl 7200 --email root@example.org --no-description "$zone"
becomes_active zone show "$id"
[ "$(field serial)" -gt "$serial" ] || fail "the serial does not grow with a change"

run "sorted(r['type'] for r in d) == ['NS', 'SOA']" recordset list "$zone"
run "d['name'] == 'www.$zone' and d['type'] == 'A' and d['zone_id'] == '$id' and d['zone_name'] == '$zone' \
     and sorted(d['records'].split()) == ['192.0.2.1', '192.0.2.2'] and d['ttl'] == 60" \
    recordset create --type A --record 192.0.2.1 --record 192.0.2.2 --ttl 60 "$zone" "www.$zone"
record=$(field id)
answers "www.$zone" A $'192.0.2.1\n192.0.2.2'
becomes_active recordset show "$zone" "$record"
run "d['id'] == '$record' and d['action'] == 'NONE'" recordset show "$zone" "www.$zone"
run "d['records'] == '\"one text\"'" recordset create --type TXT --record '"one text"' "$zone" "text.$zone"
answers "text.$zone" TXT '"one text"'
run "[r['id'] for r in d] == ['$record']" recordset list --type A "$zone"
run "[r['name'] for r in d] == ['text.$zone']" recordset list --name 'text*' --long "$zone"
run "{r['zone_name'] for r in d} == {'$zone'} and len(d) == 4" recordset list all
refused "duplicate" recordset create --type A --record 192.0.2.9 "$zone" "www.$zone"
refused "is not a 'A' Record" recordset create --type A --record not-an-address "$zone" "bad.$zone"
refused "could not find" recordset show "$zone" 00000000-0000-4000-8000-000000000000

run "d['records'] == '192.0.2.3' and d['ttl'] is None and d['description'] == 'moved'" \
    recordset set --record 192.0.2.3 --no-ttl --description moved "$zone" "$record"
answers "www.$zone" A 192.0.2.3
becomes_active recordset show "$zone" "$record"

run "d['id'] == '$record' and d['action'] == 'DELETE'" recordset delete "$zone" "www.$zone"
answers "www.$zone" A ''
refused "could not find" recordset show "$zone" "$record"

run "d['id'] == '$id' and d['action'] == 'DELETE'" zone delete "$zone"
deadline=$((SECONDS + 30))
until dig @127.0.0.1 -p "$dns_port" +tries=1 +time=1 "$zone" SOA | grep -q 'status: REFUSED'; do
    [ "$SECONDS" -lt "$deadline" ] || fail "the deleted zone is still answered"
done
until os zone list -f json | python3 -c 'import json, sys; sys.exit(json.load(sys.stdin) != [])'; do
    [ "$SECONDS" -lt "$deadline" ] || fail "the deleted zone is still listed"
done

echo "stopping the server"
kill -TERM "$server"
wait "$server" || fail "the server ended with $? on SIGTERM"
server=
echo "all commands work"
