#!/usr/bin/env bash
# The OpenStack client, unmodified and without Keystone, against a server of its own: openstack_cli.sh PATH_TO_ORDAIN
# Zones and recordsets are created, listed, shown, set and deleted; each answer and what DNS says is checked. Then every other
# command of the client's DNS part is used, but `ptr`, which wants a network service (tests/openstack_keystone.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
ordain=${1:?usage: $0 PATH_TO_ORDAIN}
openstack=$(scripts/lib/openstack_venv.sh)

source scripts/lib/private.sh
at_end() { [ "$1" -eq 0 ] || { echo "--- the server's log:"; tail -n 60 "$work/server.log"; } >&2; }

read -r api_port dns_port < <(free_ports 2)

"$ordain" dev --data-dir "$work/data" --api "127.0.0.1:$api_port" --dns "127.0.0.1:$dns_port" >"$work/server.log" 2>&1 &
server=$!
processes+=("$server")
answers_at "http://127.0.0.1:$api_port/healthcheck"

# The client speaks to the given endpoint as it is: no catalogue, no tokens.
os() { "$openstack" --os-auth-type none --os-endpoint "http://127.0.0.1:$api_port/v2" "$@"; }

# run CONDITION COMMAND...: runs a client command; its JSON must make the Python condition true. The answer is `d`.
run() {
    local condition=$1
    shift
    echo "openstack $*" | tee -a "$work/used"
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

# without_json COMMAND...: a command that shows nothing, or no JSON.
without_json() {
    echo "openstack $*" | tee -a "$work/used"
    os "$@" >"$work/answer" || fail "openstack $*"
}

# refused_plainly TEXT COMMAND...: the same for one that must fail and say so.
refused_plainly() {
    local text=$1
    shift
    echo "openstack $*   (refused)" | tee -a "$work/used"
    if os "$@" >"$work/answer" 2>"$work/complaint"; then fail "openstack $* was accepted"; fi
    grep -qi -- "$text" "$work/complaint" || fail "openstack $*: no '$text' in: $(cat "$work/complaint")"
}

# comes_to STATUS COMMAND...: the shown task must come to this within some seconds.
comes_to() {
    local wanted=$1 deadline=$((SECONDS + 60))
    shift
    while :; do
        run "d['status'] in ('PENDING', '$wanted')" "$@"
        [ "$(field status)" != "$wanted" ] || return 0
        [ "$SECONDS" -lt "$deadline" ] || fail "never $wanted: $*"
    done
}

run "d['name'] == 'test' and d['description'] == 'one'" tld create --name test --description one
tld=$(field id)
run "d['name'] == 'example'" tld create --name example
example=$(field id)
run "{e['name'] for e in d} == {'test', 'example'}" tld list
run "d['description'] == 'other'" tld set --description other "$tld"
run "d['id'] == '$tld' and d['name'] == 'test'" tld show test
refused "invalid tld" zone create --email a@example.net elsewhere.net.
without_json tld delete "$tld"
without_json tld delete "$example"
run "d == []" tld list

run "d['pattern'] == '^blocked[.]'" zone blacklist create --pattern '^blocked[.]' --description no
entry=$(field id)
run "[e['id'] for e in d] == ['$entry']" zone blacklist list
run "d['pattern'] == '^barred[.]' and d['description'] is None" zone blacklist set --pattern '^barred[.]' --no-description "$entry"
run "d['id'] == '$entry'" zone blacklist show "$entry"
without_json zone blacklist delete "$entry"
run "d == []" zone blacklist list

pool=794ccc2c-d751-44fe-b57f-8894c9f5c842
run "d['algorithm'] == 'hmac-sha256' and d['secret'] == 'c2VjcmV0' and d['scope'] == 'POOL'" \
    tsigkey create --name key --algorithm hmac-sha256 --secret c2VjcmV0 --scope POOL --resource-id "$pool"
key=$(field id)
run "[k['id'] for k in d] == ['$key']" tsigkey list
run "d['secret'] == 'b3RoZXI='" tsigkey set --secret b3RoZXI= "$key"
run "d['id'] == '$key'" tsigkey show key
without_json tsigkey delete "$key"
refused "could not find" tsigkey show "$key"

run "{r['Limit']: r['Value'] for r in d}['max_zones'] == 1000" dns limit list
run "d['zones'] == 20" dns quota set --project-id noauth-project --zones 20
run "d['zones'] == 20" dns quota list --project-id noauth-project
run "d['zones'] == 30 and d['zone_records'] == 500" dns quota set --project-id other --all-projects --zones 30
run "d['zones'] == 30" dns quota list --project-id other --all-projects
without_json dns quota reset --project-id other --all-projects
run "d['zones'] == 1000" dns quota list --project-id other --all-projects

run "{s['service_name'] for s in d} >= {'central'} and {s['status'] for s in d} == {'UP'}" dns service list
service=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[0]["id"])' "$work/answer.json")
run "d['id'] == '$service' and d['status'] == 'UP'" dns service show "$service"

run "d['name'] == 'tasks.example.'" zone create --email admin@example.org tasks.example.
id=$(field id)
becomes_active zone show "$id"
run "[n['hostname'].endswith('.') and n['priority'] for n in d]" zone nameservers list tasks.example.
refused_plainly "secondary" zone axfr tasks.example.

run "d['target_project_id'] == 'friend' and d['zone_id'] == '$id'" zone share create tasks.example. friend
share=$(field id)
run "[s['id'] for s in d] == ['$share']" zone share list tasks.example.
run "d['id'] == '$share'" zone share show tasks.example. "$share"
run "[z['name'] for z in d] == ['tasks.example.']" zone list --sudo-project-id friend
refused "shared" zone delete tasks.example.
without_json zone share delete tasks.example. "$share"
run "d == []" zone list --sudo-project-id friend

run "d['status'] == 'PENDING' and d['zone_id'] == '$id'" zone export create tasks.example.
export=$(field id)
comes_to COMPLETE zone export show "$export"
run "[e['id'] for e in d] == ['$export']" zone export list
run "d['data'].splitlines()[0] == '\$ORIGIN tasks.example.' and ' IN SOA ' in d['data']" zone export showfile "$export"
python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["data"].replace("tasks.example.", "copy.example."))' \
    "$work/answer.json" >"$work/zone.txt"
without_json zone export delete "$export"
run "d == []" zone export list
run "d['status'] == 'PENDING'" zone import create "$work/zone.txt"
import=$(field id)
comes_to COMPLETE zone import show "$import"
run "d['message'] == 'copy.example. imported'" zone import show "$import"
run "[i['id'] for i in d] == ['$import']" zone import list
becomes_active zone show copy.example.
without_json zone import delete "$import"
run "d == []" zone import list

run "d['status'] == 'ACTIVE' and len(d['key']) == 8" zone transfer request create --description give tasks.example.
offer=$(field id) secret=$(field key)
run "[r['id'] for r in d] == ['$offer']" zone transfer request list
run "d['description'] == 'given'" zone transfer request set --description given "$offer"
run "d['key'] == '$secret'" zone transfer request show "$offer"
run "d['status'] == 'COMPLETE' and d['zone_id'] == '$id'" \
    zone transfer accept request --transfer-id "$offer" --key "$secret" --sudo-project-id friend
accept=$(field id)
run "d['id'] == '$accept'" zone transfer accept show "$accept" --sudo-project-id friend
run "[a['id'] for a in d] == ['$accept']" zone transfer accept list --all-projects
refused "didn't resolve\|could not find" zone show tasks.example.
run "d['project_id'] == 'friend'" zone show "$id" --sudo-project-id friend
run "d['status'] == 'ACTIVE'" zone transfer request create --target-project-id friend copy.example.
offer=$(field id)
without_json zone transfer request delete "$offer"
run "[r['status'] for r in d] == ['COMPLETE']" zone transfer request list

refused_plainly "pool" zone move copy.example. --pool-id "$pool"
other=$(curl --silent --fail --header 'Content-Type: application/json' --data '{"name": "other", "ns_records":
    [{"hostname": "ns9.example.net.", "priority": 1}]}' "http://127.0.0.1:$api_port/v2/pools" | python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
run "d['scope'] == 'POOL'" tsigkey create --name move --algorithm hmac-sha512 --secret c2VjcmV0 --scope POOL --resource-id "$other"
without_json zone move copy.example. --pool-id "$other"
run "d['pool_id'] == '$other'" zone show copy.example.
without_json zone abandon copy.example.
refused "didn't resolve\|could not find" zone show copy.example.

# Every command that there is.
"${openstack%/*}/python" - "$work/used" <<'PY' || fail "there are commands that were not used"
import sys
from importlib.metadata import entry_points
used = open(sys.argv[1]).read().splitlines()
all = {point.name.replace("_", " ") for point in entry_points(group="openstack.dns.v2")}
elsewhere = {"ptr record list", "ptr record set", "ptr record show", "ptr record unset"}
left = {command for command in all - elsewhere if not any(line.startswith(f"openstack {command} ") or line == f"openstack {command}" for line in used)}
assert len(all) > 50, all
sys.exit(", ".join(sorted(left)) if left else 0)
PY

echo "stopping the server"
kill -TERM "$server"
wait "$server" || fail "the server ended with $? on SIGTERM"
echo "all commands work"
