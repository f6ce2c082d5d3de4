#!/usr/bin/env bash
# Keeps a program running as a supervisor does: keep.sh FOLDER NAME STOP_SIGNAL COMMAND…
# When it ends, however it ends, it is started again after ORDAIN_CLUSTER_RESTART seconds (2). Its output goes to
# FOLDER/NAME.log, its pid to FOLDER/NAME.pid, ours to FOLDER/NAME.keeper.pid. SIGTERM ends both with STOP_SIGNAL, SIGUSR1
# with SIGKILL; a program that SIGSTOP holds is let go on for that.
set -u
source "$(dirname "$0")/process.sh"
file=$1/$2 signal=$3
shift 3
child=
wanted=yes

end() {
    wanted=
    [ -n "$child" ] || return 0
    kill -s "$1" "$child" 2>/dev/null
    kill -s CONT "$child" 2>/dev/null
}
trap 'end "$signal"' TERM INT
trap 'end KILL' USR1
note "$file.keeper" $$
while [ -n "$wanted" ]; do
    "$@" </dev/null >>"$file.log" 2>&1 &
    child=$!
    note "$file" "$child"
    # A signal to us ends a wait early.
    while [ -n "$(began "$child")" ]; do
        wait "$child"
        status=$?
    done
    rm -f "$file.pid" "$file.since"
    child=
    [ -n "$wanted" ] && [ -d "${file%/*}" ] || break
    echo "$(date -u +%FT%TZ) ended with status $status, is started again" >>"$file.log"
    sleep "${ORDAIN_CLUSTER_RESTART:-2}" &
    wait $!
done
rm -f "$file.keeper.pid" "$file.keeper.since"
