#!/bin/sh
# What systemd is to a server's php-fpm: starts, stops, restarts and reloads the php-fpm of the host in whose folder this stands.
# Called as restart-fpm.sh or reload-fpm.sh (links in the application's folder), or with the action as its argument.
set -u
here=$(readlink -f "$0")
here=${here%/*}
action=${0##*/}
case $action in
    restart-fpm.sh) action=restart ;;
    reload-fpm.sh) action=reload ;;
    *) action=${1:?start, stop, restart or reload} ;;
esac

# A process whose parent never asks for it stays in the table as a zombie.
alive() {
    [ -n "$1" ] && { IFS= read -r state <"/proc/$1/stat"; } 2>/dev/null || return 1
    case ${state##*) } in [ZX]*) return 1 ;; esac
}

master() { # into pid
    pid=
    { read -r pid <"$here/fpm.pid"; } 2>/dev/null
}

stop() {
    master
    alive "$pid" || return 0
    kill -TERM "$pid" 2>/dev/null
    tries=0
    while alive "$pid"; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || kill -KILL -- "-$pid" 2>/dev/null
        sleep 0.01
    done
}

# In the foreground, as systemd runs it, or a reload would change its id; a session of its own, so that nobody who ends
# the restart's process group ends it too. It writes its pid file once it listens.
start() {
    master
    ! alive "$pid" || return 0
    rm -f "$here/fpm.pid"
    setsid @PHP_FPM@ --nodaemonize -R -y "$here/fpm.conf" </dev/null >"$here/fpm.out" 2>&1 &
    pid=$!
    tries=0
    while alive "$pid" && [ "$tries" -lt 1000 ]; do
        [ ! -s "$here/fpm.pid" ] || return 0
        tries=$((tries + 1))
        sleep 0.01
    done
    # Whoever started it a moment ago was killed on the way: it is there, and tells its id once it listens.
    while grep -q 'Another FPM instance' "$here/fpm.out" && [ "$tries" -lt 1000 ]; do
        master
        ! alive "$pid" || return 0
        tries=$((tries + 1))
        sleep 0.01
    done
    echo "Job for php8.2-fpm.service failed because the control process exited with error code." >&2
    cat "$here/fpm.out" >&2
    return 1
}

# How the next restarts go wrong, and how many: refuse, hang, pretend (nothing is done), lose (stopped for good).
spoilt() {
    read -r how left <"$here/spoilt-restarts" 2>/dev/null && [ "${left:-0}" -gt 0 ] || return 1
    echo "$how $((left - 1))" >"$here/spoilt-restarts"
    case $how in
        refuse) echo "Failed to restart php8.2-fpm.service: Connection timed out" >&2; exit 1 ;;
        hang) exec sleep 300 ;;
        lose) stop ;;
    esac
}

case $action in
    start) start ;;
    stop) stop ;;
    restart)
        echo restart >>"$here/restarts.log"
        spoilt && exit
        stop
        start
        ;;
    reload)
        echo reload >>"$here/restarts.log"
        master
        kill -USR2 "$pid"
        ;;
    *)
        echo "fpm.sh: no such action: $action" >&2
        exit 2
        ;;
esac
