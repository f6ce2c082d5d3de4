#!/usr/bin/env bash
# Runs one private RabbitMQ on 127.0.0.1: rabbitmq.sh FOLDER NAME AMQP_PORT DISTRIBUTION_PORT EPMD_PORT [COMMAND…]
# With a COMMAND it runs rabbitmqctl against that broker instead; with the command "foreground" it becomes the broker itself,
# next to a port mapper that somebody else keeps. Without, it starts the broker and takes orders on
# standard input, one a line, answering each with a line: "kill" (SIGKILL), "stop" (SIGTERM), "start", "pause" (SIGSTOP),
# "continue". At the end of its input, however it comes about, broker and port mapper are stopped and it ends.
# Data, log, cookie and configuration lie in FOLDER; data survive "kill" and "stop". FOLDER/tls with ca.pem, cert.pem and
# key.pem adds a TLS listener that wants client certificates, on the port that FOLDER/tls/port holds.
set -euo pipefail
PATH="$PATH:/usr/sbin:/sbin"
[ $# -ge 5 ] || { echo "usage: $0 FOLDER NAME AMQP_PORT DISTRIBUTION_PORT EPMD_PORT [COMMAND…]" >&2; exit 2; }
programs=/usr/lib/rabbitmq/bin
[ -x "$programs/rabbitmq-server" ] || { echo "RabbitMQ is missing: run scripts/test once, or install rabbitmq-server" >&2; exit 127; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
name=$2 amqp_port=$3 distribution_port=$4 epmd_port=$5
shift 5

export HOME="$folder"
export ERL_EPMD_PORT="$epmd_port" ERL_EPMD_ADDRESS=127.0.0.1
export RABBITMQ_NODENAME="$name@localhost"
export RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT="$amqp_port" RABBITMQ_DIST_PORT="$distribution_port"
export RABBITMQ_MNESIA_BASE="$folder/data" RABBITMQ_LOG_BASE="$folder/log"
export RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_CONFIG_FILE="$folder/rabbitmq.conf"
export RABBITMQ_ADVANCED_CONFIG_FILE="$folder/none" RABBITMQ_ENABLED_PLUGINS_FILE="$folder/plugins"
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none"
# The broker takes the place of its start script, so that its pid is known.
export RUNNING_UNDER_SYSTEMD=1
unset NOTIFY_SOCKET

[ $# -eq 0 ] || [ "$1" = foreground ] || exec "$programs/rabbitmqctl" --quiet "$@"

mkdir -p "$folder/data" "$folder/log"
echo '[].' >"$folder/plugins"
{
    echo "log.file.level = info"
    echo "disk_free_limit.absolute = 16MB"
    echo "vm_memory_high_watermark.absolute = 1GB"
    if [ -e "$folder/tls/port" ]; then
        echo "listeners.ssl.1 = 127.0.0.1:$(cat "$folder/tls/port")"
        echo "ssl_options.cacertfile = $folder/tls/ca.pem"
        echo "ssl_options.certfile = $folder/tls/cert.pem"
        echo "ssl_options.keyfile = $folder/tls/key.pem"
        echo "ssl_options.verify = verify_peer"
        echo "ssl_options.fail_if_no_peer_cert = true"
    fi
} >"$folder/rabbitmq.conf"

[ $# -eq 0 ] || exec "$programs/rabbitmq-server"
epmd -port "$epmd_port" -address 127.0.0.1 </dev/null >/dev/null 2>&1 &
mapper=$!
broker=
start() {
    "$programs/rabbitmq-server" </dev/null >>"$folder/log/console" 2>&1 &
    broker=$!
}
end() {
    [ -n "$broker" ] || return 0
    kill "-$1" "$broker" 2>/dev/null || true
    wait "$broker" 2>/dev/null || true
    broker=
}
trap 'kill -CONT "$broker" 2>/dev/null; end KILL; kill "$mapper" 2>/dev/null' EXIT
trap 'exit 0' TERM INT
start
while read -r order; do
    case "$order" in
        kill) end KILL ;;
        stop) end TERM ;;
        start) start ;;
        pause) kill -STOP "$broker" ;;
        continue) kill -CONT "$broker" ;;
    esac
    echo "$order"
done
