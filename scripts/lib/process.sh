# Knows processes again, for scripts that source this: a pid file NAME.pid has NAME.since beside it, when the process began.
# A pid that another process has got by now is not taken for the old one.

# When a process began, in ticks since the machine started; empty if there is no such process.
began() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
    stat=${stat##*) }
    set -- $stat
    [ "$1" = Z ] || echo "${20}"
}

# Notes the process PID as FILE.pid.
note() { # FILE PID
    began "$2" >"$1.since"
    echo "$2" >"$1.pid"
}

# The pid that FILE.pid names, if it is still that process.
noted() { # FILE
    local pid since
    [ -e "$1.pid" ] && read -r pid <"$1.pid" && read -r since <"$1.since" || return 1
    [ -n "$since" ] && [ "$(began "$pid")" = "$since" ] && echo "$pid"
}
