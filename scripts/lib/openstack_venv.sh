#!/usr/bin/env bash
# Makes a virtual environment with the OpenStack client and its DNS plugin, once; prints the path of `openstack`.
set -euo pipefail
venv=$(cd "$(dirname "$0")/../.." && pwd)/target/openstack-venv
if [ ! -e "$venv/complete" ]; then
    python3 -m venv --clear "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check python-openstackclient python-designateclient >&2
    touch "$venv/complete"
fi
echo "$venv/bin/openstack"
