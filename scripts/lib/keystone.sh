#!/usr/bin/env bash
# A private Keystone on 127.0.0.1, with SQLite and Fernet tokens: keystone.sh prepare|run FOLDER PORT
# "prepare" makes database, keys and the user admin (password "secret", roles admin on project admin and on the system);
# "run" becomes the server. Everything lies in FOLDER. ORDAIN_KEYSTONE_EXPIRATION is how many seconds tokens last (3600).
set -euo pipefail
[ $# -eq 3 ] || { echo "usage: $0 prepare|run FOLDER PORT" >&2; exit 2; }
venv=$("$(dirname "$0")/keystone_venv.sh")
mkdir -p "$2"
folder=$(cd "$2" && pwd)
url=http://127.0.0.1:$3/v3

cat >"$folder/keystone.conf" <<CONF
[DEFAULT]
log_file = $folder/keystone.log
[database]
connection = sqlite:///$folder/keystone.db
[token]
expiration = ${ORDAIN_KEYSTONE_EXPIRATION:-3600}
[fernet_tokens]
key_repository = $folder/fernet
[credential]
key_repository = $folder/credential
[identity]
password_hash_rounds = 4
[cache]
enabled = false
CONF
export OS_KEYSTONE_CONFIG_DIR=$folder OS_KEYSTONE_CONFIG_FILES=$folder/keystone.conf

case $1 in
prepare)
    mkdir -p "$folder/fernet" "$folder/credential"
    chmod 700 "$folder/fernet" "$folder/credential"
    manage() { "$venv/bin/keystone-manage" --config-file "$folder/keystone.conf" "$@" >>"$folder/prepare.log" 2>&1; }
    manage db_sync || { tail -n 30 "$folder/prepare.log" >&2; exit 1; }
    for step in fernet_setup credential_setup; do
        manage "$step" --keystone-user "$(id -un)" --keystone-group "$(id -gn)" ||
            { tail -n 30 "$folder/prepare.log" >&2; exit 1; }
    done
    manage bootstrap --bootstrap-password secret --bootstrap-region-id R1 --bootstrap-public-url "$url" \
        --bootstrap-internal-url "$url" --bootstrap-admin-url "$url" || { tail -n 30 "$folder/prepare.log" >&2; exit 1; }
    ;;
run)
    cd "$folder"
    exec "$venv/bin/python" -W ignore -c '
import sys, threading
from werkzeug.serving import WSGIRequestHandler, run_simple
from keystone.server.wsgi import initialize_public_application
WSGIRequestHandler.protocol_version = "HTTP/1.1"
port = int(sys.argv.pop())
keystone, turn = initialize_public_application(), threading.Lock()
def one_at_a_time(environ, start_response):
    # SQLite refuses whoever wants to write what another one has changed since he read.
    with turn:
        return list(keystone(environ, start_response))
run_simple("127.0.0.1", port, one_at_a_time, threaded=True)
' "$3" >>"$folder/server.log" 2>&1
    ;;
*) exit 2 ;;
esac
