#!/usr/bin/env bash
# The OpenStack client, unmodified, with a real Keystone: openstack_keystone.sh PATH_TO_ORDAIN
# The client logs in with a password, finds us in the catalogue, and is let do what its roles allow; we find the network
# service there, which is faked. Keystone and the servers are private and end with this script. ORDAIN_TEST_KEYSTONE=0 goes without.
set -euo pipefail
cd "$(dirname "$0")/.."
ordain=${1:?usage: $0 PATH_TO_ORDAIN}
[ "${ORDAIN_TEST_KEYSTONE:-}" != 0 ] || exit 0
openstack=$(scripts/lib/openstack_venv.sh)

source scripts/lib/private.sh
at_end() { [ "$1" -eq 0 ] || { echo "--- the server's log:"; tail -n 40 "$work/server.log"; } >&2; }

read -r keystone_port api_port dns_port network_port < <(free_ports 4)

scripts/lib/keystone.sh prepare "$work/keystone" "$keystone_port"
scripts/lib/keystone.sh run "$work/keystone" "$keystone_port" &
processes+=($!)
answers_at "http://127.0.0.1:$keystone_port/v3"

# as USER PROJECT COMMAND...
as() {
    local user=$1 project=$2
    shift 2
    "$openstack" --os-auth-type password --os-auth-url "http://127.0.0.1:$keystone_port/v3" --os-identity-api-version 3 \
        --os-username "$user" --os-password secret --os-user-domain-id default \
        --os-project-name "$project" --os-project-domain-id default --os-region-name R1 "$@"
}
admin() { echo "admin: $*"; as admin admin "$@" >"$work/out" || fail "openstack $*"; }

admin project create service
admin role show service || admin role create service
admin user create --password secret --project service ordain
admin role add --user ordain --project service service
admin service create --name ordain dns
admin endpoint create --region R1 dns public "http://127.0.0.1:$api_port"
admin project create one
admin user create --password secret --project one ada
admin role add --user ada --project one member
admin role add --user ada --project one reader
admin user create --password secret --project one rhea
admin role add --user rhea --project one reader
admin project create two
admin user create --password secret --project two ben
admin role add --user ben --project two member
admin role add --user ben --project two reader

admin service create --name floating network
admin endpoint create --region R1 network public "http://127.0.0.1:$network_port/R1/v2.0"
v4=5f1e9c54-8f0a-4e65-8a6f-0b9d8d7c6b5a
v6=6f1e9c54-8f0a-4e65-8a6f-0b9d8d7c6b5a
python3 - "$(as admin admin project show one -f value -c id)" "$v4" "$v6" >"$work/network.json" <<'PY'
import json, sys
project, *ids = sys.argv[1:]
ips = [{"id": i, "floating_ip_address": a, "project_id": project} for i, a in zip(ids, ("203.0.113.40", "2001:db8::15"))]
print(json.dumps({"mode": "fine", "ips": {"R1": ips}}))
PY
python3 tests/support/fake_neutron.py "$network_port" "$work/network.json" "$work/network.log" &
processes+=($!)
answers_at "http://127.0.0.1:$network_port/R1/v2.0/floatingips"

cat >"$work/ordain.toml" <<TOML
api.listen = ["127.0.0.1:$api_port"]
mdns.listen = ["127.0.0.1:$dns_port"]
database.url = "sqlite:$work/ordain.db"
coordinator.state_path = "$work/coordinator"
[auth]
strategy = "keystone"
[auth.keystone]
auth_url = "http://127.0.0.1:$keystone_port"
password = "secret"
TOML
"$ordain" serve --config "$work/ordain.toml" >"$work/server.log" 2>&1 &
processes+=($!)
answers_at "http://127.0.0.1:$api_port/healthcheck"

# run CONDITION USER PROJECT COMMAND...: its JSON must make the Python condition true. The answer is `d`.
run() {
    local condition=$1
    shift
    echo "$1: openstack ${*:3}"
    as "$@" -f json >"$work/answer.json" || fail "$*"
    python3 - "$condition" "$work/answer.json" <<'PY' || fail "$*: not $condition"
import json, sys
d = json.load(open(sys.argv[2]))
if not eval(sys.argv[1]):
    sys.exit("answer: " + json.dumps(d, indent=1))
PY
}
refused() { # TEXT USER PROJECT COMMAND...
    local text=$1
    shift
    echo "$1: openstack ${*:3}   (refused)"
    if as "$@" -f json >"$work/answer.json" 2>"$work/complaint"; then fail "$* was accepted"; fi
    grep -qi -- "$text" "$work/complaint" || fail "$*: no '$text' in: $(cat "$work/complaint")"
}

run "d['name'] == 'example.org.' and d['status'] in ('PENDING', 'ACTIVE')" ada one zone create --email a@example.org example.org.
id=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["id"])' "$work/answer.json")
run "d['type'] == 'A'" ada one recordset create --type A --record 192.0.2.1 example.org. www
run "[z['id'] for z in d] == ['$id']" rhea one zone list
refused "forbidden" rhea one recordset create --type A --record 192.0.2.2 example.org. mail
refused "forbidden" rhea one zone delete "$id"
run "d == []" ben two zone list
refused "could not find" ben two zone show "$id"
refused "403\|forbidden" ben two zone list --all-projects
run "[z['id'] for z in d] == ['$id']" admin admin zone list --all-projects
run "d['id'] == '$id'" admin admin zone show --all-projects "$id"
run "[z['id'] for z in d] == ['$id']" admin admin zone list --sudo-project-id "$(as admin admin project show one -f value -c id)"
run "{s['service_name'] for s in d} >= {'central'}" admin admin dns service list
refused "forbidden" ada one dns service list
run "d['action'] == 'DELETE'" ada one zone delete "$id"

run "[(p['id'], p['ptrdname'] or None) for p in d] == [('R1:$v4', None), ('R1:$v6', None)]" ada one ptr record list
run "d['ptrdname'] == 'www.example.org.' and d['ttl'] == 600 and d['status'] == 'PENDING'" \
    ada one ptr record set --description web --ttl 600 "R1:$v4" www.example.org.
run "d['action'] == 'CREATE' and d['address'] == '2001:db8::15'" ada one ptr record set "R1:$v6" six.example.org.
for _ in $(seq 300); do
    as rhea one ptr record show -f json "R1:$v4" >"$work/answer.json" || fail "ptr record show"
    ! grep -q ACTIVE "$work/answer.json" || break
done
run "d['status'] == 'ACTIVE' and d['description'] == 'web'" rhea one ptr record show "R1:$v4"
refused "forbidden" rhea one ptr record set "R1:$v4" other.example.org.
refused "no such floating" ben two ptr record show "R1:$v4"
run "d == []" ben two ptr record list
run "sorted(z['name'] for z in d) == ['0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.', '113.0.203.in-addr.arpa.']" \
    admin admin zone list --sudo-project-id 00000000-0000-0000-0000-000000000000
for id in "$v4" "$v6"; do
    echo "ada: openstack ptr record unset R1:$id"
    as ada one ptr record unset "R1:$id" >"$work/out" || fail "ptr record unset R1:$id"
done
run "[p['ptrdname'] or None for p in d] == [None, None]" ada one ptr record list
! grep -v 'v2.0/floatingips ' "$work/network.log" | grep -q 'without token' || fail "a question came without the caller's token"

token=$(as ada one token issue -f value -c id)
! grep -qF "$token" "$work/server.log" || fail "a token is in the log"
echo "all commands work"
