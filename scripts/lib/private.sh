# What scripts share that start servers of their own: they source this after `set -euo pipefail`.
# There is a folder of their own, $work; whatever they put into the array `processes` is killed when they end, however they
# end; then the function `at_end STATUS` is called, which they may define anew, and the folder is removed.

work=$(mktemp -d)
processes=()
at_end() { :; }

finish() {
    local status=$? process
    trap - EXIT
    for process in "${processes[@]}"; do
        kill -KILL "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    at_end "$status"
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }

# Prints so many ports that are free now, for TCP and UDP.
free_ports() { # NUMBER
    python3 - "$1" <<'PY'
import socket, sys
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
print(*(free() for _ in range(int(sys.argv[1]))))
PY
}

# Waits until a server answers: with something good, or `any`thing at all.
answers_at() { # URL [any]
    local good=--fail
    [ "${2:-}" != any ] || good=
    curl --silent --show-error $good --output /dev/null --retry 300 --retry-delay 0 --retry-max-time 120 --retry-all-errors \
        --retry-connrefused "$1" 2>"$work/curl.log" || { cat "$work/curl.log" >&2; fail "$1 does not answer"; }
}
