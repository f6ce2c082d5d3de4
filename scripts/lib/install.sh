#!/usr/bin/env bash
# Installs the programs that tests need and this machine lacks, from Debian's packages, as root or through sudo.
# Does nothing where they are all there. Services that the packages bring are not started. With the names of further programs
# (etcd, zookeeper) only those.
set -euo pipefail
PATH="$PATH:/usr/sbin:/sbin"

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
tests() {
    # The compiler alone cannot link; what it links with is a package of its own.
    echo 'int main(void) { return 0; }' | cc -x c - -o /dev/null >/dev/null 2>&1 || missing+=(gcc libc6-dev)
    need named bind9
    need dig bind9-dnsutils
    need curl curl
    need rabbitmqctl rabbitmq-server
    need haproxy haproxy
    need openssl openssl
    need python3 python3
    need ip iproute2
    need faketime faketime
    need mount mount
    # Debian keeps the servers of PostgreSQL off the PATH.
    compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || missing+=(postgresql)
    # The module that makes virtual environments is a package of its own, and half of it is there without that package.
    python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || missing+=(python3-venv)
}
[ "$#" -gt 0 ] || tests
for program in "$@"; do
    case "$program" in
        named) need named bind9 ;;
        nsd) need nsd nsd ;;
        knotd) need knotd knot ;;
        etcd) need etcd etcd-server ;;
        zookeeper)
            need java default-jre-headless
            [ -e /usr/share/java/zookeeper.jar ] || missing+=(zookeeper)
            ;;
        *) echo "What is $program?" >&2; exit 2 ;;
    esac
done
[ "${#missing[@]}" -gt 0 ] || exit 0
echo "missing: ${missing[*]}"

root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "Install them as root, or install sudo." >&2; exit 1; }
    root=(sudo)
fi
command -v apt-get >/dev/null 2>&1 || { echo "This is no Debian: install them by hand." >&2; exit 1; }

# 101 means "not allowed": the packages' services stay down.
policy=/usr/sbin/policy-rc.d
mark='# of the test set-up, which removes it when it ends'
if [ ! -e "$policy" ] || grep -qxF "$mark" "$policy"; then # one with our mark is left from a run that was killed
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" | "${root[@]}" tee "$policy" >/dev/null
    "${root[@]}" chmod 755 "$policy"
    trap '"${root[@]}" rm -f "$policy"' EXIT
fi
"${root[@]}" apt-get update -qq
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
