#!/usr/bin/env python3
"""Runs every test program of the workspace, three at a time.

Many tests wait more than they work: for leases that expire, servers that start, processes that are stopped. Those that do so
for longest begin first, in two lanes; the third lane has those that keep the processors busy. What a program prints is shown
when it has ended, whole if it failed. A program that takes longer than the limit is stopped, and has failed.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time

# Longest first.
WAITING = ["producer_faults", "keystone", "serve_bind9", "hangs", "processes", "amqp_stalls", "amqp_faults", "haproxy",
           "secondary_bind9", "rolling_upgrade", "split", "producers", "mixed", "amqp_deployment", "notifications"]
BUSY = ["api", "lifecycle", "simulation", "cluster_tcp", "policy_matrix"]
LIMIT = 1800


def programs():
    """Builds them all; says name, file and the folder that each runs in."""
    command = ["cargo", "test", "--workspace", "--locked", "--no-run", "--message-format=json-render-diagnostics"]
    built = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if built.returncode:
        sys.exit(built.returncode)
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["profile"]["test"]:
            yield message["target"]["name"], message["executable"], os.path.dirname(message["manifest_path"])


def run(name, program, folder):
    """Runs one; says what it printed, or None and what it printed if it failed."""
    environment = dict(os.environ, CARGO_MANIFEST_DIR=folder)
    child = subprocess.Popen([program], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             start_new_session=True)
    try:
        output, _ = child.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, _ = child.communicate()
        output += f"\n{name}: stopped after {LIMIT} s\n".encode()
    return child.returncode == 0, output.decode(errors="replace")


def main():
    waiting, busy, failed, lock = queue.Queue(), queue.Queue(), [], threading.Lock()
    known = {name: place for place, name in enumerate(WAITING + BUSY)}
    found = sorted(programs(), key=lambda found: known.get(found[0], len(known)))
    for one in found:
        (waiting if one[0] in WAITING else busy).put(one)

    def lane(first, then):
        while True:
            try:
                one = first.get_nowait()
            except queue.Empty:
                try:
                    one = then.get_nowait()
                except queue.Empty:
                    return
            begun = time.monotonic()
            passed, output = run(*one)
            took = time.monotonic() - begun
            with lock:
                results = [line for line in output.splitlines() if line.startswith("test result")]
                print(f"{one[0]}: {took:.1f} s: {' '.join(results) or 'no tests'}", flush=True)
                if not passed:
                    print(output, flush=True)
                    failed.append(one[0])

    lanes = [threading.Thread(target=lane, args=order) for order in [(waiting, busy), (waiting, busy), (busy, waiting)]]
    for one in lanes:
        one.start()
    for one in lanes:
        one.join()
    if failed:
        sys.exit(f"failed: {', '.join(sorted(failed))}")
    print(f"{len(found)} test programs passed", flush=True)


main()
