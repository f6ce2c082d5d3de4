#!/usr/bin/env bash
# Makes a virtual environment with Keystone, once; prints its folder.
set -euo pipefail
venv=$(cd "$(dirname "$0")/../.." && pwd)/target/keystone-venv
mkdir -p "${venv%/*}"
exec 9>"$venv.lock"
flock 9 # several tests may come at once
if [ ! -e "$venv/complete" ]; then
    python3 -m venv --clear "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check keystone >&2
    touch "$venv/complete"
fi
echo "$venv"
