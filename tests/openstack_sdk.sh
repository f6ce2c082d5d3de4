#!/usr/bin/env bash
# The SDK of OpenStack, unmodified, against a server of its own: openstack_sdk.sh PATH_TO_ORDAIN
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
    [ "$status" -eq 0 ] || { echo "--- the server's log:"; tail -n 40 "$work/server.log"; } >&2
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT

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
    --retry-connrefused "http://127.0.0.1:$api_port/healthcheck" 2>/dev/null
"${openstack%/*}/python" tests/openstack_sdk.py "http://127.0.0.1:$api_port"
