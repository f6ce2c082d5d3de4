#!/usr/bin/env bash
# Runs one private BIND 9 on 127.0.0.1 in the foreground: named.sh FOLDER DNS_PORT RNDC_PORT
# The process becomes named itself, so whoever started it stops it by its pid. Everything it reads and writes lies in
# FOLDER: named.conf, rndc.key (key "ordain", hmac-sha256), rndc.conf, zones added over the control channel. It logs to
# standard error, "running" once it serves. Zones survive a restart in the same folder.
# Tuned for tests: a NOTIFY leads to a transfer at once, and a failed transfer is tried again after a second,
# and a primary that does not answer is left for the next one.
set -euo pipefail
PATH="$PATH:/usr/sbin:/sbin"
[ $# -eq 3 ] || { echo "usage: $0 FOLDER DNS_PORT RNDC_PORT" >&2; exit 2; }
command -v named >/dev/null 2>&1 || { echo "named is missing: run scripts/test once, or install bind9" >&2; exit 127; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
dns_port=$2
rndc_port=$3

if [ ! -e "$folder/rndc.key" ]; then
    secret=$(head -c 32 /dev/urandom | base64)
    printf 'key "ordain" { algorithm hmac-sha256; secret "%s"; };\n' "$secret" >"$folder/rndc.key"
fi

cat >"$folder/rndc.conf" <<CONF
include "$folder/rndc.key";
options { default-key "ordain"; default-server 127.0.0.1; default-port $rndc_port; };
CONF

cat >"$folder/named.conf" <<CONF
include "$folder/rndc.key";
controls { inet 127.0.0.1 port $rndc_port allow { 127.0.0.1; } keys { "ordain"; }; };
options {
    directory "$folder";
    pid-file "$folder/named.pid";
    session-keyfile none;
    lock-file none;
    listen-on port $dns_port { 127.0.0.1; };
    listen-on-v6 { none; };
    allow-new-zones yes;
    allow-query { any; };
    allow-transfer { any; };
    recursion no;
    notify no;
    dnssec-validation no;
    empty-zones-enable no;
    minimal-responses no-auth;
    serial-query-rate 1000;
    transfers-in 100;
    transfers-per-ns 100;
    tcp-clients 1000;
    min-refresh-time 1;
    min-retry-time 1;
    max-retry-time 1;
    try-tcp-refresh no;
    max-transfer-idle-in 1;
    max-transfer-time-in 5;
};
CONF

exec named -g -n 1 -c "$folder/named.conf"
