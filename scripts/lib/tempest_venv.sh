#!/usr/bin/env bash
# Makes a virtual environment with OpenStack's functional tests of this API, once; prints its folder.
set -euo pipefail
venv=$(cd "$(dirname "$0")/../.." && pwd)/target/tempest-venv
mkdir -p "${venv%/*}"
exec 9>"$venv.lock"
flock 9
if [ ! -e "$venv/complete" ]; then
    python3 -m venv --clear "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check tempest designate-tempest-plugin >&2
    touch "$venv/complete"
fi
echo "$venv"
