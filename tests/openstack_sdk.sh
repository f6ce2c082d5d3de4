#!/usr/bin/env bash
# The SDK of OpenStack, unmodified, against a server of its own: openstack_sdk.sh PATH_TO_ORDAIN
set -euo pipefail
cd "$(dirname "$0")/.."
ordain=${1:?usage: $0 PATH_TO_ORDAIN}
openstack=$(scripts/lib/openstack_venv.sh)

source scripts/lib/private.sh
at_end() { [ "$1" -eq 0 ] || { echo "--- the server's log:"; tail -n 40 "$work/server.log"; } >&2; }

read -r api_port dns_port < <(free_ports 2)
"$ordain" dev --data-dir "$work/data" --api "127.0.0.1:$api_port" --dns "127.0.0.1:$dns_port" >"$work/server.log" 2>&1 &
processes+=($!)
answers_at "http://127.0.0.1:$api_port/healthcheck"
"${openstack%/*}/python" tests/openstack_sdk.py "http://127.0.0.1:$api_port"
